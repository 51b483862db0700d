"""Configurations of Gatus and blackbox_exporter: read as they are, nothing is dropped silently."""

from typing import Any

import pytest

from tests.monitoring.world import World
from tests.suite import JIUJIANG, Suite

ENTRY = "https://entry.example.invalid/a"
GATUS = """
alerting: {email: {from: a@example.invalid}}
endpoints:
  - name: front
    group: core
    url: https://example.invalid/health
    interval: 5m
    conditions: ["[STATUS] == 200", "[BODY].status == UP", "[RESPONSE_TIME] < 300"]
    client: {timeout: 3s, ignore-redirect: true}
    alerts: [{type: email}]
  - name: names
    url: 192.0.2.53
    dns: {query-name: example.invalid, query-type: AAAA}
    conditions: ["[DNS_RCODE] == NOERROR"]
    enabled: false
  - {name: port, url: "tcp://example.invalid:5432", conditions: ["[CONNECTED] == true"]}
"""
FLAWED = """
endpoints:
  - {name: ping, url: "icmp://example.invalid", conditions: ["[CONNECTED] == true"]}
  - {name: post, url: "https://example.invalid/", body: x, conditions: ["[STATUS] == 200"]}
  - {name: word, url: "https://example.invalid/", conditions: ["[DOMAIN_EXPIRATION] > 1h"]}
  - {name: fast, url: "https://example.invalid/", interval: 100ms, conditions: ["[STATUS] == 1"]}
  - {name: good, url: "https://example.invalid/", conditions: ["[STATUS] == 200"]}
  - nothing
"""
BLACKBOX = """
modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  http_ok:
    prober: http
    http:
      method: HEAD
      valid_status_codes: [200, 204]
      follow_redirects: false
      fail_if_not_ssl: true
      fail_if_body_not_matches_regexp: ["UP"]
  names: {prober: dns, dns: {query_name: example.invalid., query_type: A}}
  port: {prober: tcp}
  strict: {prober: http, http: {fail_if_body_matches_regexp: ["err.*"]}}
  pattern: {prober: http, http: {fail_if_body_not_matches_regexp: ["U.*P"]}}
  ping: {prober: icmp}
"""


@pytest.fixture(scope="module")
async def world(suite: Suite) -> World:
    await suite.start("monitoring")
    return World(suite)


async def taken(
    world: World, document: str, form: str = "GATUS", *, dry: bool = True, targets: Any = ()
) -> tuple[str, Any]:
    listing = await world.publish(url=ENTRY)
    body = {
        "listing_id": listing,
        "format": form,
        "document": document,
        "dry_run": dry,
        "targets": [{"module": module, "target": target} for module, target in targets],
    }
    return listing, await world.post("/v1/probe-imports", body)


async def test_a_dry_run_says_what_would_be_created_and_what_is_left_behind(world: World):
    listing, answer = await taken(world, GATUS)

    told = answer.json()
    assert (told["dry_run"], told["errors"], told["created"]) == (True, [], [])
    assert [(each["name"], each["url"]) for each in told["probes"]] == [
        ("core/front", "https://example.invalid/health"),
        ("names", "dns://192.0.2.53/example.invalid?type=AAAA"),
        ("port", "tcp://example.invalid:5432"),
    ]
    front, names, _ = told["probes"]
    assert (front["interval_seconds"], front["timeout_seconds"], front["redirects"]) == (300, 3, 0)
    assert (front["place"], names["paused"]) == ("/endpoints/0", True)
    assert told["left"] == ["/alerting", "/endpoints/0/alerts"]
    assert len(await world.items("/v1/probes", listing=listing)) == 1


async def test_each_wrong_entry_is_named_with_its_place_and_the_others_are_read(world: World):
    _, answer = await taken(world, FLAWED)

    told = answer.json()
    assert [(each["pointer"], each["code"]) for each in told["errors"]] == [
        ("/endpoints/0/url", "target.scheme"),
        ("/endpoints/1/body", "import.asks_otherwise"),
        ("/endpoints/3/interval", "import.duration"),
        ("/endpoints/5", "import.form"),
        ("/endpoints/2/conditions/0", "condition.placeholder_unknown"),
    ]
    assert [each["name"] for each in told["probes"]] == ["good"]


async def test_an_import_takes_all_entries_or_none(world: World):
    good, made = await taken(world, GATUS, dry=False)
    bad, refused = await taken(world, FLAWED, dry=False)
    strange = await world.post(
        "/v1/probe-imports",
        {"listing_id": good, "format": "GATUS", "document": GATUS, "dry_run": False},
        JIUJIANG,
    )

    assert made.status_code == 200, made.text
    there = {each["id"]: each for each in await world.items("/v1/probes", listing=good)}
    assert len(there) == 4
    assert there.keys() > set(made.json()["created"])
    assert (refused.status_code, refused.json()["code"]) == (422, "probe_invalid")
    assert len(refused.json()["errors"]) == 5
    assert all(each["detail"] for each in refused.json()["errors"])
    assert len(await world.items("/v1/probes", listing=bad)) == 1
    assert (strange.status_code, strange.json()["code"]) == (404, "listing_unwatched")


async def test_modules_of_blackbox_become_the_probes_of_their_targets(world: World):
    targets = [
        ("http_2xx", "example.invalid"),
        ("http_ok", "https://example.invalid/a"),
        ("names", "192.0.2.53"),
        ("port", "example.invalid:22"),
        ("http_ok", "http://example.invalid/"),
        ("strict", "example.invalid"),
        ("pattern", "example.invalid"),
        ("ping", "example.invalid"),
        ("unknown", "example.invalid"),
    ]

    _, answer = await taken(world, BLACKBOX, "BLACKBOX", targets=targets)

    told = answer.json()
    assert [(each["url"], each["conditions"]) for each in told["probes"]] == [
        ("http://example.invalid", ["[STATUS] >= 200", "[STATUS] < 300"]),
        ("https://example.invalid/a", ["[STATUS] == any(200, 204)", "[BODY] == pat(*UP*)"]),
        ("dns://192.0.2.53/example.invalid?type=A", ["[DNS_RCODE] == any(NOERROR)"]),
        ("tcp://example.invalid:22", ["[CONNECTED] == true"]),
    ]
    assert [(each["method"], each["redirects"]) for each in told["probes"][:2]] == [
        ("GET", 10), ("HEAD", 0),
    ]  # fmt: skip
    assert [(each["pointer"], each["code"]) for each in told["errors"]] == [
        ("/modules/http_ok/http/fail_if_not_ssl", "import.never_holds"),
        ("/modules/strict/http/fail_if_body_matches_regexp", "import.asks_otherwise"),
        ("/modules/pattern/http/fail_if_body_not_matches_regexp/0", "import.expression"),
        ("/modules/ping/prober", "import.prober_unknown"),
        ("?targets/8", "import.module_unknown"),
    ]
    assert told["left"] == ["/modules/http_2xx/http/preferred_ip_protocol"]


@pytest.mark.parametrize(
    "document",
    ["a: [", "- 1", "a: &x [1]\nb: *x", "!!python/object/apply:os.system [ls]", "[" * 5000, "1: 2"],
)
async def test_what_is_no_plain_yaml_is_refused(world: World, document: str):
    _, answer = await taken(world, document)

    assert (answer.status_code, answer.json()["code"]) == (422, "import_unreadable")
