"""Probes as their owners set them: what is refused, who may, and what other services' facts do."""

import uuid
from datetime import timedelta

import pytest

from shared.events import filing
from tests.monitoring.world import World, asked
from tests.suite import DONGHU, HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, PROVINCE, Suite

ENTRY = "https://entry.example.invalid/a"


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    """A replica that answers and does not probe."""
    await suite.start("monitoring")
    return World(suite)


@pytest.mark.feature("M9")
@pytest.mark.clause("A10.4")
async def test_a_listing_has_its_probe_at_once_however_often_it_is_told(world: World):
    listing = await world.publish(url=ENTRY, times=2)

    [probe] = await world.items("/v1/probes", listing=listing)

    assert (probe["purpose"], probe["url"], probe["version"]) == ("ENTRY", ENTRY, 1)
    assert probe["conditions"] == ["[STATUS] < 400", "[CERTIFICATE_EXPIRATION] > 168h"]
    assert (probe["interval_seconds"], probe["timeout_seconds"]) == (60, 15)
    assert (probe["running"], probe["state"]) == (True, "UNKNOWN")


@pytest.mark.feature("M9")
@pytest.mark.clause("A17.3")
async def test_a_listing_that_no_probe_has_seen_in_a_minute_is_one_finding(world: World):
    listing = await world.publish(NANCHANG, url=ENTRY)

    await world.suite.tick("monitoring", "raise_missing_probes")
    early = await world.items("/v1/findings", listing=listing)
    world.suite.clock.advance(timedelta(seconds=61))
    await world.suite.tick("monitoring", "raise_missing_probes")
    await world.suite.tick("monitoring", "raise_missing_probes")

    assert early == []
    [finding] = await world.items("/v1/findings", NANCHANG, listing=listing, open=True)
    assert (finding["kind"], finding["organisation_id"]) == ("PROBE_MISSING", "city-360100")
    assert await world.items("/v1/findings", JIUJIANG, listing=listing) == []
    told = await world.suite.sql(
        "monitoring", "select type from outbox where subject = $1", f"finding:{finding['id']}"
    )
    assert [each["type"] for each in told] == ["monitoring.finding_raised.v1"]


async def test_what_is_off_is_not_missed(world: World):
    listing = await world.publish(url=ENTRY)
    await world.delist(listing)

    world.suite.clock.advance(timedelta(seconds=61))
    await world.suite.tick("monitoring", "raise_missing_probes")

    assert await world.items("/v1/findings", listing=listing) == []


@pytest.mark.feature("M1")
async def test_a_condition_that_cannot_be_read_is_refused_with_its_place(world: World):
    listing = await world.publish(url=ENTRY)
    conditions = ["[STATUS] == 200", "[BODY].data[x] == 1", "[STATE] == up"]

    answer = await world.post("/v1/probes", {"listing_id": listing, **asked(conditions=conditions)})

    assert (answer.status_code, answer.json()["code"]) == (422, "probe_invalid")
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
        ("/conditions/1", "condition.path_unreadable"),
        ("/conditions/2", "condition.placeholder_unknown"),
    ]
    assert "11" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"url": "ftp://a.example/"}, "/url", "target.scheme"),
        ({"url": "https://user:pass@a.example/"}, "/url", "target.credentials"),
        ({"url": "https://a.example:99999/"}, "/url", "target.address"),
        ({"url": "tcp://a.example"}, "/url", "target.port"),
        ({"url": "https:///nowhere"}, "/url", "target.host"),
        ({"url": "https://a.example/a b"}, "/url", "target.characters"),
        ({"url": "dns://a.example/b.example?type=AXFR"}, "/url", "target.record"),
        ({"url": "tcp://a.example:443", "redirects": 1}, "/redirects", "target.http_only"),
        ({"url": "tcp://a.example:443", "method": "HEAD"}, "/method", "target.http_only"),
        ({"interval_seconds": 5, "timeout_seconds": 5}, "/interval_seconds", "probe.too_often"),
        ({"timeout_seconds": 16}, "/timeout_seconds", "probe.timeout_too_long"),
    ],
)
async def test_a_probe_that_cannot_be_carried_out_is_refused(world: World, changes, pointer, code):
    listing = await world.publish(url=ENTRY)

    answer = await world.post("/v1/probes", {"listing_id": listing, **asked(**changes)})

    assert answer.status_code == 422, answer.text
    found = {(each["pointer"], each["code"]) for each in answer.json()["errors"]}
    assert found == {(pointer, code)}


@pytest.mark.clause("A4.1")
async def test_owners_set_probes_and_others_neither_see_nor_touch_them(world: World):
    listing = await world.publish(NANCHANG, url=ENTRY)
    body = {"listing_id": listing, **asked()}

    strange = await world.post("/v1/probes", body, JIUJIANG)
    made = await world.post("/v1/probes", body, NANCHANG)
    path = made.headers["location"]
    hidden = [await world.get(path, who) for who in (JIUJIANG, DONGHU, HEALTH_INSURANCE)]
    hidden_samples = await world.get(f"{path}/samples", JIUJIANG)
    hidden_time = await world.get(f"{path}/availability", JIUJIANG)
    touched = await world.put(path, asked(), JIUJIANG)
    changed = await world.put(path, asked(name="改名"), PROVINCE, match=made.headers["etag"])
    late = await world.put(path, asked(), NANCHANG, match=made.headers["etag"])

    assert (strange.status_code, strange.json()["code"]) == (404, "listing_unwatched")
    assert made.status_code == 201, made.text
    assert {each.status_code for each in hidden} == {404}
    assert {hidden_samples.status_code, hidden_time.status_code, touched.status_code} == {404}
    assert (changed.status_code, changed.json()["name"]) == (200, "改名")
    assert (late.status_code, late.json()["code"]) == (412, "stale_version")


async def test_a_listing_has_so_many_probes_and_no_more(world: World):
    listing = await world.publish(url=ENTRY)
    body = {"listing_id": listing, **asked()}

    answers = [await world.post("/v1/probes", body) for _ in range(10)]

    assert [each.status_code for each in answers] == [201] * 9 + [409]
    assert answers[-1].json()["code"] == "too_many_probes"


@pytest.mark.feature("M9")
async def test_pausing_ends_the_probe_and_asks_for_one_again(world: World):
    listing = await world.publish(url=ENTRY)
    probe = await world.probe_of(listing)

    paused = await world.put(f"/v1/probes/{probe['id']}", asked(paused=True), LABOUR)
    world.suite.clock.advance(timedelta(seconds=61))
    await world.suite.tick("monitoring", "raise_missing_probes")

    assert (paused.json()["running"], paused.json()["state"]) == (False, "UNKNOWN")
    assert len(await world.items("/v1/findings", LABOUR, listing=listing, open=True)) == 1


@pytest.mark.feature("F7")
@pytest.mark.feature("M7")
async def test_a_filed_window_is_maintenance_only_while_it_stands(world: World):
    listing = await world.publish(url=ENTRY)
    probe = await world.probe_of(listing)
    now = world.suite.clock.now()
    await world.suite.sql(
        "monitoring",
        "insert into state_changes (probe_id, at, state) values ($1, $2, 'UP')",
        uuid.UUID(probe["id"]),
        now - timedelta(hours=2),
    )
    await world.suite.sql("monitoring", "update shard_leases set watched_until = $1", now)
    window = uuid.uuid4()

    async def plan(change: int, impact: str) -> None:
        event = filing.WindowPlanned(
            window_id=window,
            filing_id=uuid.uuid4(),
            filing_type="MAINTENANCE",
            kind="SYSTEM_UPGRADE",
            organisation_id="jx-rst",
            listing_ids=[uuid.UUID(listing)],
            starts_at=now - timedelta(minutes=90),
            ends_at=now - timedelta(minutes=30),
            impact=impact,
            change=change,
            filed_at=now - timedelta(days=5),
            short_notice=False,
        )
        await world.tell(event, f"window:{window}", times=2)

    async def maintenance() -> float:
        shown = (await world.get(f"/v1/probes/{probe['id']}/availability", LABOUR)).json()
        total = shown["up"] + shown["down"] + shown["maintenance"] + shown["unknown"]
        assert total == pytest.approx(86_400)
        return float(shown["maintenance"])

    seen = []
    await plan(1, "UNAVAILABLE")
    seen.append(await maintenance())
    await plan(2, "NONE")
    seen.append(await maintenance())
    await plan(3, "DEGRADED")
    ended = filing.WindowEnded(
        window_id=window,
        filing_id=uuid.uuid4(),
        organisation_id="jx-rst",
        ended_at=now - timedelta(minutes=60),
    )
    await world.tell(ended, f"window:{window}", times=2)
    seen.append(await maintenance())
    cancelled = filing.WindowCancelled(
        window_id=window, filing_id=uuid.uuid4(), organisation_id="jx-rst"
    )
    await world.tell(cancelled, f"window:{window}", times=2)
    seen.append(await maintenance())

    assert seen == [3600, 0, 1800, 0]


@pytest.mark.parametrize(
    "period",
    [
        {"since": "2026-03-02T10:00:00+08:00", "until": "2026-03-02T09:00:00+08:00"},
        {"since": "2020-03-02T10:00:00+08:00", "until": "2026-03-02T10:00:00+08:00"},
    ],
)
async def test_a_period_that_is_none_is_refused(world: World, period):
    listing = await world.publish(url=ENTRY)
    probe = await world.probe_of(listing)

    answer = await world.get(f"/v1/probes/{probe['id']}/availability", **period)

    assert (answer.status_code, answer.json()["code"]) == (422, "period_invalid")


async def test_days_of_samples_come_and_go_by_policy(world: World):
    await world.suite.sql("monitoring", "select keep_sample_day('2020-01-01')")

    await world.suite.tick("monitoring", "turn_days")

    rows = await world.suite.sql(
        "monitoring", "select relname from pg_class where relname ~ '^samples_p[0-9]{8}$'"
    )
    assert len(rows) == 3
    assert "samples_p20200101" not in {each["relname"] for each in rows}
