"""Files that filings cite: looked through, stored once, seen by whoever sees the thread."""

import asyncio
from datetime import timedelta
from hashlib import sha256

import pytest

from services.filing.commands import forget_uncited
from shared.security.identity import Role, system
from tests.filing.world import EVIDENCE, MONDAY, World, refusal
from tests.shared.security.documents import PNG, archive, docx, pdf
from tests.suite import (
    DONGHU,
    HEALTH_INSURANCE,
    JIUJIANG,
    LABOUR,
    NANCHANG,
    OPERATOR,
    PROVINCE,
    actor,
)

APP = actor(Role.APP, "mini-app", "36")
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


async def stored(world: World) -> int:
    [row] = await world.suite.sql("filing", "select count(*) from attachments")
    return int(row["count"])


async def test_a_file_is_stored_encrypted_and_read_back_through_the_filing(world: World):
    report = docx(["社会保险查询自测报告", "全部通过"])
    sent = await world.upload(NANCHANG, report, "自测报告.docx", DOCX)
    cited = {name: sent.json()[name] for name in ("name", "sha256", "size")}
    document = world.document(NANCHANG)
    test = world.self_test(world.digest(document), attachments=[cited])
    filing = await world.ok(
        NANCHANG,
        "POST",
        "/v1/filings",
        {"filing_type": "LISTING", "content": document, "self_test": test, "submit": True},
    )

    answer = await world.call(
        PROVINCE, "GET", f"/v1/filings/{filing['id']}/attachments/{cited['sha256']}"
    )

    assert sent.status_code == 201
    assert sent.json() == {
        "name": "自测报告.docx",
        "sha256": sha256(report).hexdigest(),
        "size": len(report),
        "media_type": DOCX,
    }
    assert answer.content == report
    assert answer.headers["content-type"] == DOCX
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8")
    assert answer.headers["x-content-type-options"] == "nosniff"
    [row] = await world.suite.sql(
        "filing", "select content from attachments where sha256 = $1", cited["sha256"]
    )
    assert bytes(row["content"]).startswith(b"v1|AES-256-GCM|")
    assert report[:40] not in bytes(row["content"])


async def test_who_sees_the_thread_sees_its_files_and_nobody_else(world: World):
    filing = await world.file(NANCHANG)
    path = f"/v1/filings/{filing['id']}/attachments/{EVIDENCE[0]['sha256']}"

    seen = {
        who.organisation: (await world.call(who, "GET", path)).status_code
        for who in (PROVINCE, NANCHANG, HEALTH_INSURANCE, OPERATOR, JIUJIANG, DONGHU, LABOUR, APP)
    }

    assert seen == {
        "jx-zwfw": 200,
        "city-360100": 200,
        "jx-ybj": 200,  # the department that confirms it
        "operator": 200,
        "city-360400": 404,
        "county-360102": 404,
        "jx-rst": 404,
        APP.organisation: 403,
    }


@pytest.mark.feature("C2")
async def test_the_evidence_of_a_return_is_read_by_the_filer(world: World):
    filing = await world.file(JIUJIANG)
    shot = PNG[:-12] + b"shown" + PNG[-12:]
    sent = await world.upload(PROVINCE, shot, "截图.png", "image/png")
    evidence = [{"name": "截图.png", "sha256": sent.json()["sha256"]}]
    body = {"clause": "A10.3", "opinion": "投诉入口无法打开", "evidence": evidence}
    path = f"/v1/filings/{filing['id']}/attachments/{sent.json()['sha256']}"
    before = await world.call(JIUJIANG, "GET", path)

    await world.ok(PROVINCE, "POST", f"/v1/filings/{filing['id']}/return", body)
    after = await world.call(JIUJIANG, "GET", path)

    assert refusal(before) == (404, "attachment_not_found")
    assert after.content == shot


async def test_a_file_that_was_not_uploaded_by_who_cites_it_is_refused(world: World):
    theirs = await world.upload(JIUJIANG, b"only theirs", "a.txt", "text/plain")
    document = world.document(NANCHANG)
    cited = [
        {"name": "a.txt", "sha256": theirs.json()["sha256"], "size": theirs.json()["size"]},
        {"name": "b.txt", "sha256": "0f" * 32, "size": 3},
        {**EVIDENCE[0], "size": len(PNG) + 1},
    ]
    test = world.self_test(world.digest(document), attachments=cited)

    answer = await world.call(
        NANCHANG,
        "POST",
        "/v1/filings",
        {"filing_type": "LISTING", "content": document, "self_test": test, "submit": True},
    )

    assert refusal(answer) == (422, "attachment_missing")
    assert [each["pointer"] for each in answer.json()["errors"]] == [
        f"/self_test/attachments/{index}" for index in range(3)
    ]


def nested(depth: int) -> bytes:
    """An archive in an archive, so many times."""
    data = archive(("a.txt", b"."))
    for _ in range(depth):
        data = archive(("a.zip", data))
    return data


@pytest.mark.clause("A21.4")
@pytest.mark.parametrize(
    ("data", "name", "kind", "expected"),
    [
        (docx(["机密★10年"]), "a.docx", DOCX, (422, "classified_marker_refused")),
        (pdf("秘密★5年"), "a.pdf", "application/pdf", (422, "classified_marker_refused")),
        (archive(("b.docx", docx(["绝密★启用前"]))), "a.zip", "application/zip",
         (422, "classified_marker_refused")),
        ("机密★10年".encode(), "a.txt", "text/plain", (422, "classified_marker_refused")),
        (pdf("报告"), "a.docx", DOCX, (422, "file_type_mismatch")),
        (b"MZ\x90\x00", "a.pdf", "application/pdf", (415, "file_type_refused")),
        (archive(("../a.txt", b".")), "a.zip", "application/zip", (422, "archive_entry_refused")),
        (archive(*((f"{number}.txt", b".") for number in range(1001))), "a.zip",
         "application/zip", (422, "archive_too_large")),
        (archive(("a.txt", b"0" * 110_000_000)), "a.zip", "application/zip",
         (422, "archive_too_large")),
        (nested(4), "a.zip", "application/zip", (422, "archive_too_large")),
        (archive(("/etc/a.txt", b".")), "a.zip", "application/zip", (422, "archive_entry_refused")),
        (archive(("C:\\a.txt", b".")), "a.zip", "application/zip", (422, "archive_entry_refused")),
        (archive(("a/../../b.txt", b".")), "a.docx", DOCX, (422, "archive_entry_refused")),
        (archive(("报告.docx", b"MZ\x90\x00")), "a.zip", "application/zip",
         (415, "file_type_refused")),
        (b"\x89PNG\r\n\x1a\n", "a.jpg", "image/jpeg", (422, "file_type_mismatch")),
        (PNG, "a.png", "application/pdf", (422, "file_type_mismatch")),
        (b"<html/>", "a.html", "text/html", (415, "unsupported_media_type")),
        (b"text", "", "text/plain", (415, "file_type_refused")),
        (b"", "a.txt", "text/plain", (422, "file_unreadable")),
    ],
)  # fmt: skip
async def test_what_is_refused_is_not_stored(
    world: World, data: bytes, name: str, kind: str, expected: tuple[int, str]
):
    before = await stored(world)

    answer = await world.upload(LABOUR, data, name, kind)

    assert refusal(answer) == expected
    assert await stored(world) == before


async def test_the_same_file_twice_or_at_once_is_one(world: World):
    before = await stored(world)

    answers = await asyncio.gather(
        *(world.upload(JIUJIANG, b"the same bytes", "a.txt", "text/plain") for _ in range(6))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await stored(world) == before + 1


async def test_a_retry_gets_the_first_answer_and_another_body_is_refused(world: World):
    key = {"Idempotency-Key": "attachment-retry-1"}
    first = await world.upload(JIUJIANG, b"one body", "a.txt", "text/plain", **key)

    again = await world.upload(JIUJIANG, b"one body", "a.txt", "text/plain", **key)
    other = await world.upload(JIUJIANG, b"another body", "a.txt", "text/plain", **key)

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert refusal(other) == (422, "idempotency_key_reused")


async def test_who_may_not_file_may_not_upload(world: World):
    answer = await world.upload(APP, b"text", "a.txt", "text/plain")

    assert refusal(answer)[0] == 403


async def test_what_nobody_cites_is_forgotten_and_what_is_cited_stays(world: World):
    lost = await world.upload(DONGHU, b"never cited", "a.txt", "text/plain")
    await world.file(NANCHANG)
    world.suite.clock.set(MONDAY + timedelta(days=30, minutes=1))
    database = world.suite.apps["filing"].state.database

    async with database.transaction(system("filing")) as tx:
        first = await forget_uncited(tx)
    async with database.transaction(system("filing")) as tx:
        second = await forget_uncited(tx)

    rows = await world.suite.sql("filing", "select sha256 from attachments where cited")
    left = await world.suite.sql(
        "filing", "select 1 from attachments where sha256 = $1", lost.json()["sha256"]
    )
    assert first >= 1
    assert second == 0
    assert not left
    assert EVIDENCE[0]["sha256"] in {row["sha256"] for row in rows}
