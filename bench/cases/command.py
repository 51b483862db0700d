"""A filing command: POST /v1/filings, a draft of a listing, in the real service process."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from bench.cases import Case
from bench.cases.page import fetch
from bench.generators import Call, ask, pgbench
from bench.harness import Row, Sample, Variant, check
from bench.seed import HOST, a_listing, seed_filing
from bench.stage import ALL_SCOPES, PEERS, Stage
from deploy.local import province
from shared.security.identity import Actor, Role

CONNECTIONS = 32
TWO_INSERTS = PEERS / "two_inserts.sql"
_KEPT = """
    select (select count(*) from filing.filings) as filings,
        (select count(*) from filing.filing_history) as history,
        (select count(*) from filing.idempotency_keys) as keys
"""


@contextmanager
def _filing(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    seed_filing(stage)
    listing = a_listing()
    filer = Actor(
        "filer", "filer", listing.organisation, Role.DEPARTMENT, listing.region, ALL_SCOPES
    )
    with stage.service("filing") as filing:
        call = Call(
            stage.place.ports["filing"],
            "/v1/filings",
            {
                "Authorization": f"Bearer {stage.token(filer)}",
                "Idempotency-Key": "{key}",
                "Content-Type": "application/json",
            },
            method="POST",
            body=json.dumps(
                {
                    "filing_type": "LISTING",
                    "content": listing.content(host=HOST, norm=province.read().norm),
                },
                ensure_ascii=False,
            ),
            status=201,
            connections=CONNECTIONS,
            may_shed=True,
        )
        headers = {**call.headers, "Idempotency-Key": "the-first-of-all"}
        first = fetch(replace(call, headers=headers))
        check(first["state"] == "DRAFT", f"not a draft: {first['state']}")
        yield {
            "command": lambda: _filed(stage, call, filing),
            "pgbench": lambda: pgbench(stage, TWO_INSERTS, clients=CONNECTIONS),
        }


def _filed(stage: Stage, call: Call, filing: int) -> Sample:
    """Each answer stands for one filing, one line of its history and one kept key."""
    before = stage.sql(_KEPT)[0]
    sample = ask(stage, call, filing=filing, postgres=stage.postgres)
    after = stage.sql(_KEPT)[0]
    grown = {name: after[name] - before[name] for name in after.keys()}  # noqa: SIM118 a record is no mapping
    check(set(grown.values()) == {sample.done}, f"{sample.done} answers, rows {grown}")
    return sample


def _ratios(medians: Mapping[str, Sample]) -> Iterator[Row]:
    command, peer = medians["command"], medians["pgbench"]
    assert command.p50 is not None
    detail = (
        f"{command.rate:,.0f}/s, p50 {command.p50 * 1e3:.0f} ms, service"
        f" {command.cost('filing') * 1e6:.0f} µs; pgbench {peer.rate:,.0f}/s"
    )
    yield Row(
        "command", command.rate / peer.rate, detail, command.foreign, busy=command.busy("filing")
    )
    cost = command.cost("postgres")
    detail = f"{cost * 1e6:.0f} µs, pgbench {peer.cost('postgres') * 1e6:.0f} µs"
    yield Row("command_postgres", peer.cost("postgres") / cost, detail, command.foreign)


CASES = (Case("command", _filing, _ratios, rounds=5),)
