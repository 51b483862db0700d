"""Item codes: the 31 characters of GB/T 39554.1 and the check digit of GB 32100."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.rules.items import CodeScheme, code_flaw, uscc_check_digit

# The implementation code that domain research saw in the wild; its credit code passes the check.
REAL = "12441500196720244T3442199806003"


@pytest.mark.clause("A2.1")
def test_a_real_implementation_code_is_good():
    assert code_flaw(CodeScheme.GBT39554, REAL) is None


@pytest.mark.clause("A2.1")
@pytest.mark.parametrize("code", [REAL[:-1], REAL + "1", REAL.lower(), "I" + REAL[1:], "", "demo"])
def test_another_form_is_refused(code):
    assert code_flaw(CodeScheme.GBT39554, code) == "item_code_pattern"


@pytest.mark.clause("A2.1")
@pytest.mark.parametrize("level", ["0", "8", "9"])
def test_the_level_is_one_to_seven(level):
    assert code_flaw(CodeScheme.GBT39554, REAL[:18] + level + REAL[19:]) == "item_code_pattern"


@given(st.integers(0, 16), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_wrong_character_of_the_credit_code_is_found(place, char):
    code = REAL[:place] + char + REAL[place + 1 :]

    flaw = code_flaw(CodeScheme.GBT39554, code)

    assert flaw == (None if code == REAL else "item_code_check_digit")


def test_check_digits_of_known_credit_codes():
    assert uscc_check_digit("91350100M000100Y4") == "3"
    assert uscc_check_digit("12441500196720244") == "T"


def test_a_demo_code_is_free_in_form():
    assert code_flaw(CodeScheme.DEMO, "demo-rst-001") is None
