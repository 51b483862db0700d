"""A body has one meaning or is refused."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.http.strict_json import MalformedJson, loads

REFUSED = {
    "a repeated key": (b'{"a": 1, "b": {"c": 1}, "a": 2}', "duplicate_key", 24),
    "a repeated key inside": (b'[{"b": 1}, {"b": {"x": 0, "x": 1}}]', "duplicate_key", 26),
    "a key repeated by an escape": (b'{"a": 1, "\\u0061": 2}', "duplicate_key", 9),
    "NaN": (b'{"a": "NaN", "b": NaN}', "not_a_number", 18),
    "Infinity": (b"[Infinity]", "not_a_number", 1),
    "-Infinity": (b"[1, -Infinity]", "not_a_number", 4),
    "1e999": (b'["1e999", 1e999]', "number_too_large", 10),
    "-1e999": (b"[-1e999]", "number_too_large", 1),
    "a number of 400 digits with a point": (b"[" + b"9" * 400 + b".0]", "number_too_large", 1),
    "an integer over 64 bits": (b"[9223372036854775808]", "number_too_large", 1),
    "an integer of 200,000 digits": (b"9" * 200_000, "number_too_large", 0),
    "33 arrays": (b"[" * 33 + b"]" * 33, "too_deep", 32),
    "33 arrays and objects": (b'[{"a":' * 17 + b"1" + b"}]" * 17, "too_deep", 96),
    "100,000 arrays": (b"[" * 100_000, "too_deep", 32),
    "100,000 arrays behind a bracket in a string": (b'["]]]",' + b"[" * 100_000, "too_deep", 38),
    "invalid utf-8": (b'{"a": "\xff"}', "not_utf8", 7),
    "a surrogate in utf-8": (b'"\xed\xa0\x80"', "not_utf8", 1),
    "a lone high surrogate": (b'{"a": "\\ud800"}', "lone_surrogate", 7),
    "a lone low surrogate": (b'"\\udc00"', "lone_surrogate", 1),
    "two high surrogates": (b'"\\ud800\\ud800"', "lone_surrogate", 1),
    "a high surrogate before another escape": (b'"\\ud800\\n\\udc00"', "lone_surrogate", 1),
    "NUL": (b'"a\\u0000"', "nul_character", 2),
    "a byte order mark": (b"\xef\xbb\xbf{}", "byte_order_mark", 0),
    "utf-16": ('{"a": 1}'.encode("utf-16-le"), "syntax", 1),
    "nothing": (b"", "syntax", 0),
    "two documents": (b"{} {}", "syntax", 3),
    "a trailing comma": (b"[1,]", "syntax", 3),
    "single quotes": (b"{'a': 1}", "syntax", 1),
    "a comment": (b"[1] // one", "syntax", 4),
    "a line end in a string": (b'"a\nb"', "syntax", 2),
    "a leading zero": (b"[01]", "syntax", 2),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_two_meanings_is_refused_with_its_place(case: str) -> None:
    data, reason, position = REFUSED[case]

    with pytest.raises(MalformedJson) as refused:
        loads(data)

    assert (refused.value.reason, refused.value.position) == (reason, position)
    assert (refused.value.status, refused.value.code) == (400, "malformed_json")


ACCEPTED = [
    b"{}",
    b" [1, -2.5e3, true, null] ",
    b"[9223372036854775807, -9223372036854775808]",
    b"[" * 32 + b"]" * 32,
    b'["' + b"[" * 1000 + b'"]',
    b"[" + b",".join([b"{}"] * 1000) + b"]",
    b'{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}',
    b'"\\ud83d\\ude00"',
    b'"\\\\ud800"',
    b'"\\\\\\u0061"',
    '{"姓名": "张三", "ключ": "😀"}'.encode(),
    b"0",
]


@pytest.mark.parametrize("data", ACCEPTED)
def test_what_has_one_meaning_is_read_as_the_standard_library_reads_it(data: bytes) -> None:
    assert loads(data) == json.loads(data)


_DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


# How fast documents are drawn says how busy the machine is, nothing about the reader.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_DOCUMENTS, st.booleans())
def test_every_document_that_was_written_can_be_read(document: object, escaped: bool) -> None:
    data = json.dumps(document, ensure_ascii=escaped).encode()

    assert loads(data) == document


@given(st.binary(max_size=60))
def test_bytes_are_read_or_refused_and_never_anything_else(data: bytes) -> None:
    try:
        value = loads(data)
    except MalformedJson as refused:
        assert 0 <= refused.position <= len(data)  # noqa: PT017 either outcome is right
    else:
        assert not (isinstance(value, float) and math.isnan(value))
