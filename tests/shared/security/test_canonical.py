"""The canonical form and its digests, held to published vectors."""

import json
import math

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.security.canonical import canonical, digest, tagged_hash

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_the_example_of_rfc_8785_gives_its_bytes() -> None:
    text = (
        '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        r'"string":"\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/",'
        '"literals":[null,true,false]}'
    )

    form = canonical(json.loads(text))

    assert (
        form
        == (
            '{"literals":[null,true,false],'
            '"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_member_names_are_sorted_by_utf_16_code_units() -> None:
    value = {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4, "\r": 5}

    names = list(json.loads(canonical(value)))

    assert names == ["\r", "1", "\u20ac", "\U0001f600", "\ufb33"]


@settings(deadline=None, database=None, derandomize=True)
@given(JSON)
def test_the_form_survives_a_round_trip_and_ignores_member_order(value) -> None:
    form = canonical(value)

    # As I-JSON reads it: every number is a double, also one that was written without a point.
    again = json.loads(form, parse_int=float)
    turned = dict(reversed(again.items())) if isinstance(again, dict) else again

    assert canonical(turned) == form


@settings(deadline=None, database=None, derandomize=True, max_examples=400)
@given(JSON | st.dictionaries(st.text(st.characters(max_codepoint=0x7F)), JSON))
def test_the_form_is_that_of_the_reference_implementation(value) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("number", [2**53 - 1, 1 - 2**53])
def test_the_last_exact_integers_are_written(number) -> None:
    assert canonical([number]) == rfc8785.dumps([number])


def test_every_character_is_escaped_as_the_reference_does() -> None:
    for first in range(0, 0x110000, 0x800):
        text = "".join(map(chr, range(first, first + 0x800)))
        if not 0xD800 <= first < 0xE000:
            assert canonical({"text": text}) == rfc8785.dumps({"text": text})


def test_the_digest_does_not_see_how_a_body_was_written() -> None:
    one = digest(json.loads('{"a": 1.0, "b": "\\u4e2d"}'))
    other = digest(json.loads('{"b":"中","a":1}'))

    assert one == other
    assert one.startswith("sha-256:")


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**53, -(2**53), b"bytes", {1: "a"}, {"a": {2}}, "\ud800", _nested(5000)],
    ids=["nan", "infinity", "2**53", "-2**53", "bytes", "number-as-name", "set", "half", "deep"],
)
def test_what_is_not_json_has_no_digest(value) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which ValueError is the library's affair
        digest(value)


@pytest.mark.clause("A21.2")
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
    ids=["GB/T 32905 A.1", "GB/T 32905 A.2"],
)
def test_sm3_gives_the_digests_of_its_standard(message: bytes, expected: str) -> None:
    assert tagged_hash(message, algorithm="sm3") == f"sm3:{expected}"
