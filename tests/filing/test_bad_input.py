"""Bad input is refused with a code in two languages and leaves nothing behind; never a 500."""

import json
from typing import Any

import asyncpg
import pytest

from tests.filing.world import World, refusal
from tests.suite import DONGHU, HEALTH_INSURANCE, LABOUR, NANCHANG, PROVINCE

JSON = {"Content-Type": "application/json"}
_AUDIT = "(select number from audit_log union all select id from audit_pending) as entries"


async def _state(world: World) -> list[Any]:
    return [
        await world.suite.sql("filing", f"select count(*) from {table}")  # noqa: S608 fixed names
        for table in ("filings", "filing_history", "clocks", "outbox", _AUDIT, "oral_reports")
    ]


@pytest.mark.clause("A21.4")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/filings", {"filing_type": "DELIST", "content": {"reason": "见绝密★启用前文件"}}),
        ("/v1/confirmations", {"item_code": "x", "digest": "y", "opinion": "秘密 ★ 5年"}),
        ("/v1/listing-plans?year=2026", {"lines": [{"note": "机密★长期"}]}),
        ("/v1/oral-reports", {"summary": "机密★10年"}),
    ],
)
async def test_a_classified_mark_is_refused_and_nothing_is_stored(
    world: World, path: str, body: dict[str, Any]
):
    before = await _state(world)
    actor = HEALTH_INSURANCE if "confirmations" in path else LABOUR

    answer = await world.call(actor, "POST", path, body)

    assert refusal(answer) == (422, "classified_marker_refused")
    assert answer.json()["clause"] == "A21.4"
    assert "★" not in answer.text
    assert await _state(world) == before


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "malformed_json"),
        (b'{"a": 1, "a": 2}', JSON, 400, "malformed_json"),
        (b'{"a": NaN}', JSON, 400, "malformed_json"),
        (b"[" * 100 + b"]" * 100, JSON, 400, None),
        (b'{"a": "\xff"}', JSON, 400, "malformed_json"),
        (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415, None),
        (b"a,b", {"Content-Type": "text/csv"}, 415, "unsupported_media_type"),
        (b"[]", JSON, 422, "invalid_request"),
        (b"", JSON, 422, "invalid_request"),
    ],
)
async def test_a_body_that_is_no_filing_is_refused(
    world: World, content: bytes, headers: dict[str, str], status: int, code: str | None
):
    before = await _state(world)

    answer = await world.call(LABOUR, "POST", "/v1/filings", content, **headers)

    assert refusal(answer) == (status, code or answer.json()["code"])
    assert await _state(world) == before


@pytest.mark.feature("API9")
@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"submit": 1}, "/submit", "field_type"),
        ({"submit": "yes"}, "/submit", "field_type"),
        ({"unknown": 1}, "/unknown", "field_unknown"),
        ({"filing_type": "LISTING_PLAN"}, "/filing_type", "field_choice"),
        ({"listing_id": "x"}, "/listing_id", "field_type"),
        ({"goes_live_at": 1772000000}, "/goes_live_at", "field_type"),
        ({"goes_live_at": "2026-04-01T00:00:00"}, "/goes_live_at", "field_type"),
        ({"goes_live_at": "9999-12-31T23:59:59Z"}, "/goes_live_at", "field_range"),
        ({"content": {"title": "\u0007"}}, "/content/title", "control_character_refused"),
        ({"content": {"title": " "}}, "/content/title", "field_too_short"),
        ({"content": {"title": 5}}, "/content/title", "field_type"),
        ({"content": {"audiences": ["1", "1"]}}, "/content/audiences", "members_repeated"),
        ({"content": {"summary": "长" * 501}}, "/content/summary", "field_too_long"),
        ({"content": {"extra": True}}, "/content/extra", "field_unknown"),
        ({"self_test": {"attachments": [{"name": "a", "sha256": "cd" * 32, "size": True}]}},
         "/self_test/attachments/0/size", "field_type"),
    ],
)  # fmt: skip
async def test_each_wrong_member_is_named_by_its_pointer(
    world: World, change: dict[str, Any], pointer: str, code: str
):
    body = world.listing_body(LABOUR)
    for name, value in change.items():
        body[name] = {**body[name], **value} if isinstance(value, dict) else value
    before = await _state(world)

    answer = await world.call(LABOUR, "POST", "/v1/filings", body)

    assert refusal(answer) == (422, "invalid_request")
    assert (pointer, code) in {(e["pointer"], e["code"]) for e in answer.json()["errors"]}
    assert await _state(world) == before


@pytest.mark.feature("API2")
@pytest.mark.feature("API8")
async def test_a_refusal_speaks_both_languages_with_one_code(world: World):
    body = world.listing_body(DONGHU, kind="STANDARD")

    chinese = await world.call(DONGHU, "POST", "/v1/filings", body)
    english = await world.call(DONGHU, "POST", "/v1/filings", body, **{"Accept-Language": "en"})

    assert chinese.json()["title"] == "县级单位只能建设本地特色应用场景"
    assert english.json()["title"] == "A county may list local scenarios only"
    assert chinese.json()["code"] == english.json()["code"]
    assert (chinese.json()["clause"], english.json()["clause"]) == ("A5.4", "A5.4")


@pytest.mark.parametrize("path", ["/v1/filings/1", "/v1/obligations/x", "/v1/oral-reports/%00"])
async def test_an_id_that_is_none_is_refused(world: World, path: str):
    answer = await world.call(PROVINCE, "GET", path)

    assert answer.status_code in (404, 422)
    refusal(answer)


async def test_what_a_command_half_did_is_rolled_back(world: World):
    """The last gate of a written filing fails after everything else was done."""
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    other = await world.live(NANCHANG)
    before = await _state(world)

    answer = await world.call(
        NANCHANG, "POST", "/v1/filings", world.written(order, listing_id=other["listing_id"])
    )

    assert refusal(answer) == (422, "oral_report_scope_mismatch")
    assert await _state(world) == before


@pytest.mark.clause("A4.1")
async def test_row_level_security_holds_where_a_filter_is_forgotten(world: World):
    filing = await world.file(NANCHANG)
    live = await world.live(NANCHANG)
    order = await world.order(NANCHANG, live["listing_id"])
    tables = {
        "filings": filing["id"],
        "obligations": order["obligation"]["id"],
        "oral_reports": order["oral_report"]["id"],
        "emergency_delistings": order["id"],
    }
    connection = await asyncpg.connect(
        world.suite.servers.dsn("filing_app", world.suite.database),
        server_settings={"search_path": "filing"},
    )

    async def seen(scope: str, organisation: str) -> dict[str, int]:
        async with connection.transaction():
            await connection.execute(
                "select set_config('app.scope', $1, true),"
                " set_config('app.organisation', $2, true)",
                scope,
                organisation,
            )
            return {
                table: await connection.fetchval(
                    f"select count(*) from {table} where id = $1",  # noqa: S608 fixed names
                    id_,
                )
                for table, id_ in tables.items()
            }

    try:
        nobody, other = await seen("", ""), await seen("3604", "city-360400")
        province, named = await seen("36", "jx-zwfw"), await seen("", "jx-ybj")
    finally:
        await connection.close()

    none, every = dict.fromkeys(tables, 0), dict.fromkeys(tables, 1)
    assert (nobody, other, province) == (none, none, every)
    assert named == {**none, "filings": 1}


async def test_what_was_written_down_is_not_rewritten(world: World):
    await world.file(LABOUR)
    connection = await asyncpg.connect(
        world.suite.servers.dsn("filing_app", world.suite.database),
        server_settings={"search_path": "filing"},
    )

    try:
        for table in ("filing_history", "filing_rounds", "clock_entries", "audit_log"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"delete from {table}")  # noqa: S608 fixed names
    finally:
        await connection.close()


async def test_every_change_of_a_filing_is_in_the_audit(world: World):
    filing = await world.file(NANCHANG)
    await world.confirm(filing)
    await world.accept(filing)

    entries = await world.ok(
        PROVINCE, "GET", f"/v1/filing/audit?subject=filing:{filing['id']}&limit=100"
    )
    verdict = await world.ok(PROVINCE, "GET", "/v1/filing/audit/verification")

    assert [each["action"] for each in entries["items"]] == [
        "filing.submitted.v1",
        "filing.confirmed.v1",
        "filing.accepted.v1",
    ]
    assert verdict["intact"] is True


async def test_no_event_carries_words_about_persons(world: World):
    live = await world.live(NANCHANG)
    await world.order(NANCHANG, live["listing_id"])

    rows = await world.suite.sql("filing", "select data from outbox")

    spoken = {"opinion", "summary", "reporter_office", "receiver_office", "actor"}
    for row in rows:
        told = json.loads(row["data"])
        assert not spoken & (told.keys() - {"content"})
