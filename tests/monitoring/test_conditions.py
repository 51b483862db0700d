"""The condition language: what is read, what holds, what a failure says, and where a mistake is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.rules.conditions import ConditionUnreadable, Observation, failures, parse

HOUR = 3_600_000.0
PAGE = b'{"status":"UP","age":15,"data":[{"id":1},{"id":2}],"hex":"0xF","none":null,"on":true}'


def fails(condition: str, **seen) -> str | None:
    return parse(condition).failure(Observation(**seen))


@pytest.mark.feature("M1")
@pytest.mark.parametrize(
    ("condition", "seen"),
    [
        ("[STATUS] == 200", {"status": 200}),
        ("[STATUS] != 500", {"status": 200}),
        ("[STATUS] < 300", {"status": 299}),
        ("[STATUS] <= 299", {"status": 299}),
        ("[STATUS] == any(200, 201)", {"status": 201}),
        ("any(200, 201) != [STATUS]", {"status": 404}),
        ("[CONNECTED] == true", {"connected": True}),
        ("[IP] == pat(10.*)", {"ip": "10.0.0.7"}),
        ("[DNS_RCODE] == NOERROR", {"dns_rcode": "NOERROR"}),
        ("[RESPONSE_TIME] < 500", {"response_time": 499.4}),
        ("[RESPONSE_TIME] < 1s", {"response_time": 999.0}),
        ("[RESPONSE_TIME] >= 1m30s", {"response_time": 90_000.0}),
        ("[CERTIFICATE_EXPIRATION] > 48h", {"certificate_expires_in": 49 * HOUR}),
        ("[BODY] == test", {"body": b" test\n"}),
        ("[BODY] == pat(*<h1>*</h1>*)", {"body": "<html><h1>社保</h1></html>".encode()}),
        ("[BODY].status == UP", {"body": PAGE}),
        ("[BODY].age > 14", {"body": PAGE}),
        ("[BODY].hex == 15", {"body": PAGE}),
        ("[BODY].hex > 0xE", {"body": PAGE}),
        ("[BODY].on == true", {"body": PAGE}),
        ("[BODY].data[1].id == 2", {"body": PAGE}),
        ("[BODY][0].id == [BODY][1].id", {"body": b'[{"id":7},{"id":7}]'}),
        ("len([BODY].data) == 2", {"body": PAGE}),
        ("len([BODY].status) == 2", {"body": PAGE}),
        ("len([BODY]) == 4", {"body": b"test"}),
        ("len([BODY]) == 2", {"body": b"[1,2]"}),
        ("has([BODY].status) == true", {"body": PAGE}),
        ("has([BODY].errors) == false", {"body": PAGE}),
        ("has([BODY].none) == false", {"body": PAGE}),
        ("[BODY] == pat(*a > b*)", {"body": b"if a > b then"}),
    ],
)
def test_a_condition_that_holds_has_no_failure_text(condition, seen):
    assert fails(condition, **seen) is None


@pytest.mark.feature("M1")
@pytest.mark.parametrize(
    ("condition", "seen", "told"),
    [
        ("[STATUS] == 200", {"status": 500}, "[STATUS] (500) == 200"),
        ("[STATUS] == any(200, 429)", {"status": 404}, "[STATUS] (404) == any(200, 429)"),
        ("[RESPONSE_TIME] < 500", {"response_time": 750.0}, "[RESPONSE_TIME] (750) < 500"),
        ("[CONNECTED] == true", {}, "[CONNECTED] (false) == true"),
        (
            "[CERTIFICATE_EXPIRATION] > 48h",
            {"certificate_expires_in": 1.5 * HOUR},
            "[CERTIFICATE_EXPIRATION] (1h30m) > 48h",
        ),
        ("[CERTIFICATE_EXPIRATION] > 0", {}, "[CERTIFICATE_EXPIRATION] (0s) > 0"),
        ("[BODY].name == john", {"body": PAGE}, "[BODY].name (INVALID) == john"),
        ("[BODY].none == OK", {"body": PAGE}, "[BODY].none (INVALID) == OK"),
        ("[BODY].status != UP", {"body": PAGE}, "[BODY].status (UP) != UP"),
        ("len([BODY].data) > 8", {"body": PAGE}, "len([BODY].data) (2) > 8"),
        ("len([BODY].name) == 1", {"body": PAGE}, "len([BODY].name) (INVALID) == 1"),
        ("has([BODY].errors) == true", {"body": PAGE}, "has([BODY].errors) (false) == true"),
        ("[BODY].status < 5", {"body": PAGE}, "[BODY].status (UP) < 5"),
        (
            "[BODY].data[0].id == [BODY].data[1].id",
            {"body": PAGE},
            "[BODY].data[0].id (1) == [BODY].data[1].id (2)",
        ),
        (
            "[BODY] == pat(ok*)",
            {"body": b"x" * 40},
            f"[BODY] ({'x' * 25}...(truncated)) == pat(ok*)",
        ),
        ("[BODY] == ok", {"body": b"y" * 300}, f"[BODY] ({'y' * 200}...(truncated)) == ok"),
        ("[BODY][0].id == 1", {"body": b'{"a":1}'}, "[BODY][0].id (INVALID) == 1"),
    ],
)
def test_a_failure_tells_the_value_that_was_found(condition, seen, told):
    assert fails(condition, **seen) == told


@pytest.mark.feature("M1")
@pytest.mark.parametrize(
    ("condition", "reason", "position"),
    [
        ("", "operator_missing", 0),
        ("[STATUS]", "operator_missing", 8),
        ("[STATUS]==201", "operator_missing", 8),
        ("[STATUS] ? 201", "operator_missing", 14),
        ("[STATUS] = = 201", "operator_missing", 9),
        ("[STATUS] == ", "operand_missing", 12),
        (" == 200", "operand_missing", 0),
        ("[STATE] == 200", "placeholder_unknown", 0),
        ("[STATUS].code == 200", "text_after_placeholder", 8),
        ("[STATUS == 200", "bracket_missing", 7),
        ("[BODY].data[x] == 1", "path_unreadable", 11),
        ("[BODY].data[*] == 1", "path_unreadable", 11),
        ("[BODY]..a == 1", "path_unreadable", 6),
        ("len([STATUS]) == 1", "body_expected", 4),
        ("len([BODY].users == 100", "parenthesis_missing", 16),
        ("len([BODY].a[) == 1", "path_unreadable", 12),
        ("size([BODY]) == 1", "function_unknown", 0),
        ("raw == raw", "nothing_observed", 0),
        ("[RESPONSE_TIME] < potato", "not_a_number", 18),
        ("[RESPONSE_TIME] < any(1, 2)", "pattern_has_no_order", 18),
        ("pat(a) == any(b)", "nothing_observed", 0),
    ],
)
def test_a_condition_that_cannot_be_read_says_where(condition, reason, position):
    with pytest.raises(ConditionUnreadable) as refused:
        parse(condition)

    assert (refused.value.reason, refused.value.position) == (reason, position)


@pytest.mark.feature("M1")
def test_each_condition_that_fails_is_told_in_its_order():
    conditions = [parse("[STATUS] == 200"), parse("[CONNECTED] == true"), parse("[BODY] == ok")]

    told = failures(conditions, Observation(connected=True, status=503, body=b"no"))

    assert told == ["[STATUS] (503) == 200", "[BODY] (no) == ok"]


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b"\xff\xfe", b"{"], ids=range(5)
)
def test_a_hostile_body_is_no_document_and_no_fault(body):
    assert fails("[BODY].a == 1", body=body) == "[BODY].a (INVALID) == 1"


def test_a_pattern_with_many_stars_stays_fast():
    pattern = "pat(" + "*a" * 100 + "*b)"

    assert fails(f"[BODY] == {pattern}", body=b"a" * 1_000_000) is not None


@given(st.text(alphabet="[]()*.<>=! STAUBODYlenhasptyn0123,", max_size=40))
def test_reading_never_fails_otherwise_and_never_points_outside(text):
    position, told = 0, None
    try:
        told = parse(text).failure(Observation())
    except ConditionUnreadable as error:
        position = error.position

    assert 0 <= position <= len(text)
    assert told is None or told


@given(st.lists(st.text(alphabet="ab", max_size=3), min_size=1, max_size=4), st.text("ab"))
def test_a_star_means_what_a_regular_expression_means(parts, value):
    import re

    expected = re.fullmatch(".*".join(map(re.escape, parts)), value) is not None

    assert (fails(f"[IP] == pat({'*'.join(parts)})", ip=value) is None) is expected
