"""Routes at run time: rules that narrow, log-only first; versions, rolled back, never half-way."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from gateway.start import follow_routes
from shared.clock import SHANGHAI
from shared.metrics import REGISTRY
from tests.gateway.stand_in import Call, Reply, StandIn, standing_in
from tests.suite import DONGHU, MINI_APP, NANCHANG, OPERATOR, PROVINCE, Suite, eventually

PATH = "/v1/pending-listings"
PUBLIC = "/v1/listings"


def answered(_call: Call) -> Reply:
    return Reply({"items": [], "next_cursor": None})


@pytest.fixture(scope="module")
async def catalog() -> AsyncIterator[StandIn]:
    async with standing_in(answered) as made:
        yield made


@pytest.fixture(scope="module")
async def gateways(suite: Suite, catalog: StandIn) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Two replicas over one database."""
    clients = []
    for _ in range(2):
        await suite.serve("gateway", upstreams={"catalog": f"http://{catalog.address}"})
        clients.append(httpx.AsyncClient(base_url=suite.urls["gateway"], timeout=10))
    yield clients
    for client in clients:
        await client.aclose()


@pytest.fixture
async def gateway(suite: Suite, gateways: list[httpx.AsyncClient]) -> AsyncIterator[Any]:
    """One of them; at the end no rule is left."""
    yield gateways[0]
    held = (await gateways[0].get("/v1/routes", headers=suite.headers(PROVINCE))).json()
    ruled = [row["operation"] for row in held["routes"] if row["rule"]]
    if ruled:
        await change(suite, gateways[0], dict.fromkeys(ruled))
    for each in gateways:
        await eventually(partial(reads, suite, each, DONGHU))


def today(suite: Suite, *, plus: int = 0) -> str:
    return (suite.clock.now().astimezone(SHANGHAI).date() + timedelta(days=plus)).isoformat()


async def change(suite: Suite, gateway: httpx.AsyncClient, rules: dict[str, Any], **more: Any):
    return await gateway.post(
        "/v1/route-versions",
        json={"rules": rules, "reason": "演示变更", **more},
        headers=suite.headers(PROVINCE, **{"If-Match": "*"}),
    )


async def reads(suite: Suite, gateway: httpx.AsyncClient, who: Any, path: str = PATH) -> bool:
    answer = await gateway.get(path, headers=suite.headers(who))
    return bool(answer.status_code == 200)


async def refused(suite: Suite, gateway: httpx.AsyncClient, who: Any, path: str = PATH) -> str:
    answer = await gateway.get(path, headers=suite.headers(who))
    return str(answer.json()["code"]) if answer.status_code == 403 else ""


def counted(operation: str, reason: str) -> float:
    labels = {"operation": operation, "reason": reason}
    return REGISTRY.get_sample_value("gft_gateway_log_only_total", labels) or 0


@pytest.mark.feature("G4")
async def test_a_change_serves_on_every_replica_without_a_start(suite, gateway, gateways):
    made = await change(suite, gateway, {"listPendingListings": {"roles": ["PROVINCE", "CITY"]}})
    closed = [await eventually(partial(refused, suite, each, DONGHU)) for each in gateways]
    table = (await gateway.get("/v1/routes", headers=suite.headers(OPERATOR))).json()

    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/v1/route-versions/{made.json()['version']}"
    assert closed == ["route_closed", "route_closed"]
    assert await reads(suite, gateway, NANCHANG)
    assert table["version"] == made.json()["version"]
    (row,) = [each for each in table["routes"] if each["rule"]]
    assert (row["operation"], row["rule"]["roles"]) == ("listPendingListings", ["CITY", "PROVINCE"])
    sealed = partial(
        suite.sql,
        "gateway",
        "select actor from audit_log where action = 'routes.versioned'"
        " and details::text like '%\"listPendingListings\"%'",
    )
    assert (await eventually(sealed))[0]["actor"] == PROVINCE.subject


@pytest.mark.feature("G4")
async def test_a_rule_on_a_public_read_holds_before_the_cache(suite, gateway):
    assert await reads(suite, gateway, MINI_APP, PUBLIC)
    assert await reads(suite, gateway, MINI_APP, PUBLIC)

    await change(suite, gateway, {"listListings": {"scope": "listing:read", "roles": ["PROVINCE"]}})
    code = await eventually(lambda: refused(suite, gateway, MINI_APP, PUBLIC))

    assert code == "route_closed"
    assert await reads(suite, gateway, PROVINCE, PUBLIC)
    await change(suite, gateway, {"listListings": {"roles": ["APP"], "scope": "listing:read"}})
    await eventually(lambda: refused(suite, gateway, PROVINCE, PUBLIC))
    bare = suite.headers(_without(MINI_APP, "listing:read"))
    answer = await gateway.get(PUBLIC, headers=bare)
    assert (answer.status_code, answer.json()["code"]) == (403, "route_scope_missing")
    assert await reads(suite, gateway, MINI_APP, PUBLIC)
    await change(suite, gateway, {"listListings": None})
    await eventually(lambda: reads(suite, gateway, PROVINCE, PUBLIC))


@pytest.mark.feature("G4")
@pytest.mark.parametrize(
    ("rules", "pointer", "code"),
    [
        ({"listNothing": {"roles": []}}, "/rules/listNothing", "route_unknown"),
        ({"issueToken": {"roles": []}}, "/rules/issueToken", "route_open"),
        ({"changeRoutes": {"roles": []}}, "/rules/changeRoutes", "route_locks_out"),
        ({"listPendingListings": {}}, "/rules/listPendingListings", "route_rule_empty"),
        (
            {"listClients": {"roles": ["APP"]}},
            "/rules/listClients/roles",
            "route_role_wider",
        ),
        (
            {"listClients": {"scope": "made:up"}},
            "/rules/listClients/scope",
            "scope_unknown",
        ),
        (
            {"listClients": {"roles": [], "enforce_from": "2020-01-01"}},
            "/rules/listClients/enforce_from",
            "enforce_from_range",
        ),
        (
            {"listClients": {"roles": [], "enforce_from": "2099-01-01"}},
            "/rules/listClients/enforce_from",
            "enforce_from_range",
        ),
    ],
)
async def test_an_invalid_change_is_refused_whole_and_the_old_table_serves(
    suite, gateway, rules, pointer, code
):
    before = (await gateway.get("/v1/routes", headers=suite.headers(PROVINCE))).json()["version"]

    answer = await change(suite, gateway, {"listPendingListings": {"roles": ["PROVINCE"]}, **rules})

    found = [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
    assert (answer.status_code, answer.json()["code"]) == (422, "route_change_invalid")
    assert (pointer, code) in found
    after = (await gateway.get("/v1/routes", headers=suite.headers(PROVINCE))).json()
    assert after["version"] == before
    assert await reads(suite, gateway, DONGHU)


@pytest.mark.feature("G4")
async def test_a_stored_version_that_cannot_be_read_never_serves(suite, gateway, gateways):
    await change(suite, gateway, {"listPendingListings": {"roles": ["PROVINCE"]}})
    await eventually(lambda: refused(suite, gateways[1], DONGHU))
    await suite.sql(
        "gateway",
        "insert into route_versions select max(version) + 1, 'x', 'x', '[]',"
        ' \'{"listPendingListings": {"roles": ["KING"], "scope": null, "enforce_from": null}}\','
        " 'x', 'x', now() from route_versions",
    )

    await follow_routes(suite.apps["gateway"])

    assert await refused(suite, gateways[1], DONGHU) == "route_closed"
    assert await reads(suite, gateways[1], PROVINCE)
    await suite.sql(
        "gateway",
        "delete from route_versions where version = (select max(version) from route_versions)",
    )


@pytest.mark.feature("G4")
async def test_a_change_is_rolled_back_by_version(suite, gateway):
    first = await change(suite, gateway, {"listPendingListings": {"roles": ["PROVINCE"]}})
    second = await change(
        suite, gateway, {"listPendingListings": None, "listCoverage": {"roles": ["PROVINCE"]}}
    )
    path = f"/v1/route-versions/{first.json()['version']}/restoration"
    await eventually(lambda: reads(suite, gateway, DONGHU))

    stale = await gateway.post(
        path,
        json={"reason": "恢复"},
        headers=suite.headers(PROVINCE, **{"If-Match": first.headers["etag"]}),
    )
    back = await gateway.post(
        path,
        json={"reason": "恢复"},
        headers=suite.headers(PROVINCE, **{"If-Match": second.headers["etag"]}),
    )
    unknown = await gateway.post(
        "/v1/route-versions/999999/restoration",
        json={"reason": "恢复"},
        headers=suite.headers(PROVINCE, **{"If-Match": "*"}),
    )
    city = await gateway.post(
        path, json={"reason": "恢复"}, headers=suite.headers(NANCHANG, **{"If-Match": "*"})
    )

    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert back.status_code == 201, back.text
    assert back.json()["version"] == second.json()["version"] + 1
    assert back.json()["rules"] == first.json()["rules"]
    assert back.json()["digest"] == first.json()["digest"]
    assert (unknown.status_code, unknown.json()["code"]) == (404, "route_version_not_found")
    assert (city.status_code, city.json()["code"]) == (403, "operation_forbidden")
    await eventually(lambda: refused(suite, gateway, DONGHU))
    listed = await gateway.get("/v1/route-versions?limit=2", headers=suite.headers(OPERATOR))
    versions = [each["version"] for each in listed.json()["items"]]
    assert versions == [back.json()["version"], second.json()["version"]]
    read = await gateway.get(f"/v1/route-versions/{versions[1]}", headers=suite.headers(OPERATOR))
    assert read.json()["reason"] == "演示变更"


@pytest.mark.feature("G4")
async def test_changes_under_load_drop_no_request(suite, gateway):
    done = asyncio.Event()
    seen: dict[int, int] = {}

    async def caller() -> None:
        headers = suite.headers(NANCHANG)
        while not done.is_set():
            answer = await gateway.get(PATH, headers=headers)
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1

    callers = [asyncio.create_task(caller()) for _ in range(8)]
    versions = []
    for round_ in range(6):
        rule = None if round_ % 2 else {"roles": ["PROVINCE", "CITY"]}
        made = await change(suite, gateway, {"listPendingListings": rule})
        versions.append(made.json()["version"])
        expected = refused if rule else reads
        await eventually(partial(expected, suite, gateway, DONGHU))
    done.set()
    await asyncio.gather(*callers)

    print(f"answers while the table changed {len(versions)} times: {seen}")  # noqa: T201 the figure of the row
    assert versions == list(range(versions[0], versions[0] + 6))
    assert set(seen) == {200}
    assert seen[200] > 50


@pytest.mark.feature("G1")
async def test_a_log_only_rule_passes_everything_and_tells_whom_it_would_refuse(suite, gateway):
    before = counted("listPendingListings", "route_closed")
    rule = {"roles": ["PROVINCE", "CITY"], "enforce_from": today(suite, plus=30)}

    made = await change(suite, gateway, {"listPendingListings": rule})
    passed = [(await reads(suite, gateway, DONGHU))]

    async def reported() -> Any:
        passed.append(await reads(suite, gateway, DONGHU))
        answer = await gateway.get("/v1/log-only-findings", headers=suite.headers(OPERATOR))
        return answer.json()["items"]

    (finding,) = await eventually(reported)
    await reads(suite, gateway, NANCHANG)

    assert made.status_code == 201, made.text
    assert all(passed)
    assert (finding["operation"], finding["reason"]) == ("listPendingListings", "route_closed")
    assert (finding["client_id"], finding["role"]) == (DONGHU.client_id, "COUNTY")
    assert finding["organisation_id"] == DONGHU.organisation
    assert finding["calls"] >= 1
    assert finding["first_at"] <= finding["last_at"]
    assert counted("listPendingListings", "route_closed") > before
    await change(suite, gateway, {"listPendingListings": {"roles": ["PROVINCE"]}})
    after = await gateway.get("/v1/log-only-findings", headers=suite.headers(OPERATOR))
    assert after.json()["items"] == []


@pytest.mark.feature("G1")
async def test_a_log_only_rule_refuses_from_its_day_and_holds_up_changes_and_starts(suite, gateway):
    day = today(suite, plus=1)
    rule = {"roles": ["PROVINCE"], "enforce_from": day}
    await change(suite, gateway, {"listPendingListings": rule})
    assert await reads(suite, gateway, DONGHU)

    suite.clock.advance(timedelta(days=1))
    try:
        code = await eventually(lambda: refused(suite, gateway, DONGHU))
        other = await change(suite, gateway, {"listCoverage": {"roles": ["PROVINCE"]}})
        later = await change(suite, gateway, {"listPendingListings": {**rule, "enforce_from": day}})
        with pytest.raises(ValueError, match="listPendingListings only log past"):
            await suite.start("gateway")
        started = await suite.start("gateway", enforce_overdue=True)
        table = (await started.get("/v1/routes", headers=suite.headers(PROVINCE))).json()
        freed = await change(suite, gateway, {"listCoverage": {"roles": ["PROVINCE"]}})
    finally:
        suite.clock.advance(timedelta(days=-1))

    assert code == "route_closed"
    assert (other.status_code, other.json()["code"]) == (409, "route_rules_overdue")
    assert other.json()["operations"] == "listPendingListings"
    assert (later.status_code, later.json()["code"]) == (422, "route_change_invalid")
    (row,) = [each for each in table["routes"] if each["rule"]]
    assert row["rule"] == {"roles": ["PROVINCE"], "scope": None, "enforce_from": None}
    assert freed.status_code == 201


@pytest.mark.feature("G4")
async def test_rules_outlive_a_start_and_a_release(suite, gateway):
    made = await change(suite, gateway, {"listPendingListings": {"roles": ["PROVINCE"]}})
    same = await suite.start("gateway")
    kept = (await same.get("/v1/routes", headers=suite.headers(PROVINCE))).json()
    await suite.sql(
        "gateway",
        "update route_versions set base = 'the release before', rules = rules ||"
        ' \'{"goneSince": {"roles": [], "scope": null, "enforce_from": null}}\''
        " where version = $1",
        made.json()["version"],
    )

    began = time.monotonic()
    fresh = await suite.start("gateway")
    table = (await fresh.get("/v1/routes", headers=suite.headers(PROVINCE))).json()

    assert kept["version"] == made.json()["version"]
    assert table["version"] == made.json()["version"] + 1
    assert [each["operation"] for each in table["routes"] if each["rule"]] == [
        "listPendingListings"
    ]
    read = await fresh.get(
        f"/v1/route-versions/{table['version']}", headers=suite.headers(PROVINCE)
    )
    assert (read.json()["set_by"], read.json()["reason"]) == ("release", "release")
    assert time.monotonic() - began < 30


def _without(who: Any, scope: str) -> Any:
    return type(who)(
        subject=who.subject,
        client_id=f"{who.client_id}-bare",
        organisation=who.organisation,
        role=who.role,
        region=who.region,
        scopes=who.scopes - {scope},
    )
