"""Masks show 3+4 or the first character, and never come back as a write."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.errors import Invalid
from shared.security.errors import MaskedValueRefused
from shared.security.masking import (
    Unmasked,
    is_masked,
    mask_id_number,
    mask_name,
    mask_phone,
    refuse_masked,
)


class Person(BaseModel):
    name: Unmasked
    phone: Unmasked | None = None


@pytest.mark.feature("API13")
@pytest.mark.clause("A21.2")
@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (mask_phone, "13800138000", "138****8000"),
        (mask_phone, "0791-88912345", "079******2345"),
        (mask_phone, "110", "***"),
        (mask_phone, "1234567", "*******"),
        (mask_phone, "", ""),
        (mask_id_number, "36010219900101123X", "360***********123X"),
        (mask_id_number, "360102900101123", "360********1123"),
        (mask_name, "张三", "张*"),
        (mask_name, "欧阳修", "欧**"),
        (mask_name, "𠮷田", "𠮷*"),
        (mask_name, "买买提·艾力", "买*****"),
        (mask_name, "张", "*"),
        (mask_name, "", ""),
    ],
)
def test_a_mask_shows_what_the_rule_says(mask, value, shown) -> None:
    assert mask(value) == shown


@settings(deadline=None, database=None, derandomize=True)
@given(st.text(min_size=1), st.sampled_from([mask_phone, mask_id_number, mask_name]))
def test_every_mask_is_known_again_and_hides_something(value, mask) -> None:
    shown = mask(value)

    assert is_masked(shown)
    assert len(shown) == len(value)
    assert shown != value or "*" in value


@pytest.mark.parametrize("value", ["138****8000", "张*", "138＊＊＊＊8000", "张∗", "*"])
def test_a_masked_value_is_refused_as_a_write(value) -> None:
    with pytest.raises(MaskedValueRefused) as refusal:
        refuse_masked(value, pointer="/phone")

    assert isinstance(refusal.value, Invalid)
    assert [(error.pointer, error.code) for error in refusal.value.errors] == [
        ("/phone", "masked_value_refused")
    ]
    assert value not in str(refusal.value)


def test_a_body_with_masks_names_each_of_them() -> None:
    with pytest.raises(ValidationError) as refusal:
        Person(name="张*", phone="138****8000")

    assert [(error["loc"], error["type"]) for error in refusal.value.errors()] == [
        (("name",), "masked_value_refused"),
        (("phone",), "masked_value_refused"),
    ]


@pytest.mark.parametrize(
    "value", ["张三", "买买提·艾力", "買買提•艾力", "13800138000", "0791-88912345"]
)
def test_a_real_value_passes(value) -> None:
    assert refuse_masked(value, pointer="/name") == value
    assert Person(name=value).name == value
