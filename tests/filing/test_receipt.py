"""The receipt: what was filed, when, its digests, what was decided and why; safe to open."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tests.filing.world import EVIDENCE, World, refusal
from tests.suite import JIUJIANG, LABOUR, PROVINCE

RETURN = {
    "clause": "A10.3",
    "opinion": "<script>alert(1)</script>无法打开",
    "evidence": EVIDENCE,
}


class Tags(HTMLParser):
    """The elements of a page, and that each that must be closed is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def page(world: World, filing_id: str, language: str = "zh-CN") -> str:
    answer = await world.call(
        PROVINCE, "GET", f"/v1/filings/{filing_id}/receipt", **{"Accept-Language": language}
    )
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_a_receipt_tells_what_was_filed_and_what_was_decided(world: World):
    filing = await world.file(LABOUR)
    await world.ok(
        PROVINCE,
        "POST",
        f"/v1/filings/{filing['id']}/return",
        {**RETURN, "opinion": "投诉入口无法打开"},
    )
    await world.ok(LABOUR, "POST", f"/v1/filings/{filing['id']}/submission", {})
    await world.accept(filing)

    chinese, english = await page(world, filing["id"]), await page(world, filing["id"], "en")

    for told in (
        filing["number"],
        filing["digest"],
        "jx-rst",
        "2026-03-02 10:00:00+08:00",
        "A10.3",
        "投诉入口无法打开",
        EVIDENCE[0]["sha256"],
    ):
        assert told in chinese
        assert told in english
    assert "报备回执" in chinese
    assert "Receipt of a filing" in english
    assert '<html lang="zh-CN">' in chinese
    assert '<html lang="en">' in english


@pytest.mark.feature("API8")
async def test_a_receipt_holds_no_script_and_escapes_what_people_wrote(world: World):
    filing = await world.file(LABOUR)
    await world.ok(PROVINCE, "POST", f"/v1/filings/{filing['id']}/return", RETURN)
    answer = await world.call(PROVINCE, "GET", f"/v1/filings/{filing['id']}/receipt")

    tags = Tags()
    tags.feed(answer.text)

    assert "script" not in tags.seen
    assert tags.open == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    [style] = re.findall("<style>(.*?)</style>", answer.text)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy


@pytest.mark.feature("API4")
async def test_a_receipt_that_one_has_is_not_sent_again_until_it_changes(world: World):
    filing = await world.file(LABOUR)
    path = f"/v1/filings/{filing['id']}/receipt"
    first = await world.call(LABOUR, "GET", path)
    known = {"If-None-Match": first.headers["etag"]}

    same = await world.call(LABOUR, "GET", path, **known)
    in_english = await world.call(LABOUR, "GET", path, **known, **{"Accept-Language": "en"})
    await world.accept(filing)
    changed = await world.call(LABOUR, "GET", path, **known)

    assert (same.status_code, same.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"
    assert in_english.status_code == 200
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.clause("A4.1")
async def test_a_receipt_is_for_those_who_see_the_filing(world: World):
    filing = await world.file(LABOUR)
    draft = await world.file(LABOUR, submit=False)

    foreign = await world.call(JIUJIANG, "GET", f"/v1/filings/{filing['id']}/receipt")
    unsent = await world.call(LABOUR, "GET", f"/v1/filings/{draft['id']}/receipt")

    assert refusal(foreign) == (404, "filing_not_found")
    assert refusal(unsent) == (409, "nothing_filed")
