"""A page of fifty listings from Postgres, without the gateway and its cache."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import orjson

from bench.cases import Case
from bench.generators import Call, ask, pgbench
from bench.harness import Row, Sample, Variant, check
from bench.seed import LISTINGS, listing_id, seed_listings
from bench.stage import PEERS, Stage, idle
from deploy.local.place import HOST
from shared.security.identity import Actor, Role

READER = Actor("mini-app", "mini-app", "operator", Role.APP, "36")
PAGE = 50
CONNECTIONS = 8


@contextmanager
def _serving(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    seed_listings(stage)
    script = stage.state.root / "page.sql"
    ids = ",".join(str(listing_id(number)) for number in range(1, PAGE + 1))
    script.write_text((PEERS / "page.sql").read_text("utf-8").replace("{ids}", f"{{{ids}}}"))
    with stage.service("catalog") as catalog, stage.twins(script) as (twin_port, twins):
        call = Call(
            stage.place.ports["catalog"],
            f"/v1/listings?limit={PAGE}",
            {"Authorization": f"Bearer {stage.token(READER)}"},
            connections=CONNECTIONS,
        )
        idle(catalog)  # its index is read
        _check_page(fetch(call))
        twin = Call(twin_port, f"/listings?limit={PAGE}", {}, connections=CONNECTIONS)
        check(len(fetch(twin)["items"]) == PAGE, "the twin gives another page")
        yield {
            "page": lambda: ask(stage, call, catalog=catalog, postgres=stage.postgres),
            "twin": lambda: ask(stage, twin, server=twins, postgres=stage.postgres),
            "pgbench": lambda: pgbench(stage, script, clients=CONNECTIONS),
        }


def fetch(call: Call) -> Any:
    """One answer to the call, as JSON."""
    connection = http.client.HTTPConnection(HOST, call.port, timeout=10)
    try:
        connection.request(call.method, call.path, call.body.encode() or None, dict(call.headers))
        answer = connection.getresponse()
        body = answer.read()
        check(answer.status == call.status, f"{call.path}: {answer.status} {body[:500]!r}")
        return orjson.loads(body)
    finally:
        connection.close()


def _check_page(page: Any) -> None:
    ids = [UUID(item["id"]) for item in page["items"]]
    first = [listing_id(number) for number in range(1, PAGE + 1)]
    right = ids == first and page["total"] == LISTINGS
    check(right, f"not the first {PAGE} of {LISTINGS}: {ids}, {page['total']}")


def _ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    page, peer = medians["page"], medians["pgbench"]
    used = {name: page.cost(name) * 1e6 for name in page.cpu}
    detail = ", ".join(f"{name} {cost:.0f} µs" for name, cost in used.items())
    detail = f"{page.rate:,.0f}/s; {detail}; pgbench {peer.cost() * 1e6:.0f} µs, {peer.rate:,.0f}/s"
    yield Row("page", peer.cost() / page.cost(), detail, page.foreign)
    twin = medians["twin"]
    detail = f"twin {twin.cost() * 1e6:.0f} µs, {twin.rate:,.0f}/s"
    yield Row("page_twin", twin.cost() / page.cost(), detail, twin.foreign)


CASES = (Case("page", _serving, _ratios),)
