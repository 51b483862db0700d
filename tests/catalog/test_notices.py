"""Notices: published, edited visibly, withdrawn, expired."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.catalog.rules.notices import NoticeKind
from tests.catalog.province import Catalog, content
from tests.suite import LABOUR, MINI_APP, NANCHANG, OPERATOR


def notice(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "MAINTENANCE",
        "title": "系统升级公告",
        "text": "因系统升级，服务暂停。",
        "regions": ["360100"],
        **changes,
    }


async def publish(catalog: Catalog, **changes):
    made = await catalog.send("POST", "/v1/notices", notice(**changes), OPERATOR)
    assert made.status_code == 201, made.text
    return made


@pytest.mark.clause("A11.6")
async def test_a_notice_is_public_at_once_and_told(catalog: Catalog):
    listing_id = await catalog.publish(content(title="要公告的服务"))

    made = await publish(catalog, listing_ids=[str(listing_id)])

    shown = (await catalog.get(made.headers["location"], MINI_APP)).json()
    assert shown["state"] == "PUBLISHED"
    assert shown["publisher"] == "operator"
    assert shown["published_at"].endswith("+08:00")
    by_listing = (await catalog.get(f"/v1/notices?listing={listing_id}")).json()
    assert [each["id"] for each in by_listing["items"]] == [shown["id"]]
    (told,) = await catalog.told(f"notice:{shown['id']}")
    assert told[1]["listing_ids"] == [str(listing_id)]


@pytest.mark.feature("C8")
@pytest.mark.clause("A11.6")
async def test_an_edit_of_the_automatic_notice_leaves_the_first_wording_visible(
    catalog: Catalog,
):
    listing_id, filing = await catalog.publish(content(title="紧急的服务")), uuid4()
    await catalog.tell(catalog.emergency(listing_id, filing), f"filing:{filing}")
    notice_id = (await catalog.get(f"/v1/listings/{listing_id}")).json()["notice_id"]
    first = await catalog.get(f"/v1/notices/{notice_id}")
    body = {"title": "更正公告", "text": "预计明日恢复。", "alternative_channel": "政务服务大厅"}

    edited = await catalog.send(
        "PUT", f"/v1/notices/{notice_id}", body, OPERATOR, if_match=first.headers["etag"]
    )
    stale = await catalog.send(
        "PUT", f"/v1/notices/{notice_id}", body, OPERATOR, if_match=first.headers["etag"]
    )

    assert edited.json()["edited"] is True
    assert stale.status_code == 412
    now = (await catalog.get(f"/v1/notices/{notice_id}")).json()
    assert now["title"] == "更正公告"
    assert [each["version"] for each in now["history"]] == [1, 2]
    assert now["history"][0]["text"] == first.json()["text"]
    assert now["history"][1]["edited_by"] == "operator"
    assert [name for name, _ in await catalog.told(f"notice:{notice_id}")] == [
        "notice_published.v1",
        "notice_edited.v1",
    ]


async def test_a_withdrawn_notice_stays_readable_and_cannot_change(catalog: Catalog):
    made = await publish(catalog)
    path = made.headers["location"]

    withdrawn = await catalog.send(
        "POST", f"{path}/withdrawal", {"reason": "已恢复"}, OPERATOR, if_match=made.headers["etag"]
    )
    again = await catalog.send(
        "POST", f"{path}/withdrawal", {"reason": "已恢复"}, OPERATOR, if_match="*"
    )
    edited = await catalog.send("PUT", path, {"title": "题", "text": "文"}, OPERATOR, if_match="*")

    assert withdrawn.json()["state"] == "WITHDRAWN"
    assert withdrawn.json()["withdrawal_reason"] == "已恢复"
    assert again.json()["code"] == edited.json()["code"] == "notice_withdrawn"
    assert (await catalog.get(path)).json()["edited"] is False
    in_force = (await catalog.get("/v1/notices?limit=100")).json()["items"]
    assert made.json()["id"] not in {each["id"] for each in in_force}
    gone = (await catalog.get("/v1/notices?state=WITHDRAWN&limit=100")).json()["items"]
    assert made.json()["id"] in {each["id"] for each in gone}


async def test_an_expired_notice_leaves_the_list_in_force(catalog: Catalog):
    soon = (catalog.suite.clock.now() + timedelta(hours=1)).isoformat()
    made = await publish(catalog, expires_at=soon)

    catalog.suite.clock.advance(timedelta(hours=2))
    shown = (await catalog.get(made.headers["location"])).json()
    in_force = (await catalog.get("/v1/notices?limit=100")).json()["items"]
    expired = (await catalog.get("/v1/notices?state=EXPIRED&limit=100")).json()["items"]
    catalog.suite.clock.reset()

    assert shown["state"] == "EXPIRED"
    assert made.json()["id"] not in {each["id"] for each in in_force}
    assert made.json()["id"] in {each["id"] for each in expired}


@pytest.mark.feature("API5")
async def test_notices_are_walked_latest_first_without_gap_while_new_ones_come(catalog: Catalog):
    for n in range(4):
        await publish(catalog, title=f"公告{n}", kind="SECURITY")
    before = (await catalog.get("/v1/notices?kind=SECURITY&limit=100")).json()["items"]
    seen: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        query = f"kind=SECURITY&limit=2{cursor and f'&cursor={cursor}'}"
        page = (await catalog.get(f"/v1/notices?{query}")).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next_cursor"]
        await publish(catalog, title="插入", kind="SECURITY")

    assert seen == [each["id"] for each in before]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"listing_ids": [str(uuid4())]}, "listing_not_found"),
        ({"kind": "PARTY"}, "field_choice"),
        ({"starts_at": "2026-12-01T10:00:00"}, "field_type"),
        ({"expires_at": "9999-12-31T23:59:59-12:00"}, "field_range"),
        ({"expires_at": 0}, "field_type"),
        (
            {"starts_at": "2026-12-02T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z"},
            "field_order",
        ),
        ({"text": ""}, "field_too_short"),
    ],
)
async def test_a_wrong_notice_is_refused_with_its_place(catalog: Catalog, change, code):
    answer = await catalog.send("POST", "/v1/notices", notice(**change), OPERATOR)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == code


@pytest.mark.parametrize("actor", [LABOUR, NANCHANG, MINI_APP])
async def test_halls_do_not_announce_by_themselves(catalog: Catalog, actor):
    answer = await catalog.send("POST", "/v1/notices", notice(), actor)

    assert answer.status_code == 403


async def test_an_unknown_notice_is_not_found(catalog: Catalog):
    assert (await catalog.get(f"/v1/notices/{uuid4()}")).json()["code"] == "notice_not_found"


async def follow_time(catalog: Catalog) -> None:
    await catalog.suite.tick("catalog", "follow_time")


def after(catalog: Catalog, **step: float) -> str:
    return (catalog.suite.clock.now() + timedelta(**step)).isoformat()


async def names(catalog: Catalog, notice_id: str) -> list[str]:
    return [name for name, _ in await catalog.told(f"notice:{notice_id}")]


@pytest.mark.clause("A11.6")
async def test_a_planned_notice_comes_out_at_its_time_and_goes_at_its_end(catalog: Catalog):
    made = await publish(
        catalog,
        title="定时公告",
        publishes_at=after(catalog, hours=2),
        expires_at=after(catalog, hours=5),
    )
    path, notice_id = made.headers["location"], made.json()["id"]
    seen = []

    for hours in (0, 1, 1.5, 1, 2):
        catalog.suite.clock.advance(timedelta(hours=hours))
        await follow_time(catalog)
        await follow_time(catalog)
        answer = await catalog.get(path)
        seen.append(answer.json().get("state", answer.json().get("code")))

    told = await names(catalog, notice_id)
    catalog.suite.clock.reset()
    assert made.json()["state"] == "SCHEDULED"
    assert seen == [
        "notice_not_found",
        "notice_not_found",
        "PUBLISHED",
        "PUBLISHED",
        "EXPIRED",
    ]
    assert told == ["notice_published.v1", "notice_expired.v1"]


async def test_nobody_but_its_keepers_sees_a_notice_before_its_time(catalog: Catalog):
    made = await publish(catalog, title="未到时间", publishes_at=after(catalog, days=2))
    notice_id = made.json()["id"]

    for state in ("PUBLISHED", "EXPIRED", "WITHDRAWN"):
        page = (await catalog.get(f"/v1/notices?state={state}&limit=100")).json()
        assert notice_id not in {each["id"] for each in page["items"]}
    kept = await catalog.get("/v1/scheduled-notices?limit=100", OPERATOR)
    assert notice_id in {each["id"] for each in kept.json()["items"]}
    assert (await catalog.get("/v1/scheduled-notices", MINI_APP)).status_code == 403
    assert (await catalog.get("/v1/notices?state=SCHEDULED")).status_code == 422


async def test_a_notice_withdrawn_before_its_time_never_comes_out(catalog: Catalog):
    made = await publish(catalog, publishes_at=after(catalog, hours=1))
    path, notice_id = made.headers["location"], made.json()["id"]

    withdrawn = await catalog.send(
        "POST", f"{path}/withdrawal", {"reason": "不再需要"}, OPERATOR, if_match="*"
    )
    catalog.suite.clock.advance(timedelta(hours=3))
    await follow_time(catalog)
    shown = await catalog.get(path)
    catalog.suite.clock.reset()

    assert withdrawn.json()["state"] == "WITHDRAWN"
    assert shown.json()["code"] == "notice_not_found"
    assert await names(catalog, notice_id) == ["notice_withdrawn.v1"]


async def test_an_edited_end_is_the_one_that_counts(catalog: Catalog):
    made = await publish(catalog, expires_at=after(catalog, hours=1))
    path, notice_id = made.headers["location"], made.json()["id"]
    body = {"title": "延期", "text": "延期。", "expires_at": after(catalog, hours=4)}
    assert (await catalog.send("PUT", path, body, OPERATOR, if_match="*")).status_code == 200

    told = []
    for hours in (2, 3):
        catalog.suite.clock.advance(timedelta(hours=hours))
        await follow_time(catalog)
        told.append((await names(catalog, notice_id))[-1])
    catalog.suite.clock.reset()

    assert told == ["notice_edited.v1", "notice_expired.v1"]


async def test_a_notice_that_would_be_over_before_it_comes_out_is_refused(catalog: Catalog):
    body = notice(publishes_at="2090-01-02T00:00:00Z", expires_at="2090-01-01T00:00:00Z")

    answer = await catalog.send("POST", "/v1/notices", body, OPERATOR)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "notice_over"


@pytest.mark.parametrize("kind", list(NoticeKind))
async def test_every_kind_of_notice_may_be_published(catalog: Catalog, kind):
    made = await publish(catalog, kind=kind, title=f"公告 {kind}")

    found = (await catalog.get(f"/v1/notices?kind={kind}&limit=100")).json()["items"]

    assert made.json()["id"] in {each["id"] for each in found}
