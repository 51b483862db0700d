"""A year's heap: a million filings with their clocks, fifty thousand listings with a past."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bench.cases import Case
from bench.cases.page import PAGE, READER, fetch
from bench.generators import Call, ask, pgbench
from bench.harness import Row, Sample, Variant, check, watched
from bench.history import PAST
from bench.seed import LISTINGS, seed_listings
from bench.stage import Stage, idle
from services.catalog.queries.history import numbered_at
from services.catalog.queries.search_index import Search
from services.filing.queries.queue import queue_of
from shared.reads import Read
from shared.security.identity import Actor, Role
from shared.security.scope import row_scope, scope_values

FILINGS = 1_000_000
DUE = 100
MONTHS = 4
CONNECTIONS = 8
REVIEWER = Actor("reviewer", "reviewer", "jx-zwfw", Role.PROVINCE, "36", frozenset({"filing:read"}))
_HEAP = """
insert into filing.filings (id, number, type, type_version, flow, state, organisation_id, region,
    content, digest, departments, round, due_at, due_for, provisional, created_at, updated_at,
    version)
select gen_random_uuid(), 'HEAP-' || n, 'LISTING', 1, 'NOTIFY',
    case when n % 10 = 0 then 'SUBMITTED' else 'ACCEPTED' end,
    'city-' || n % 113, '360' || 100 + n % 11 * 100, '{}', 'sha-256:' || n, array['jx-rst'], 1,
    case when n % 10 = 0 then now() + n % 9999 * interval '1 minute' end,
    case when n % 10 = 0 then 'REVIEW' end, false, now() - n * interval '30 seconds', now(), 1
from generate_series(1, $1::int) as n
"""
_CLOCKS = """
insert into filing.clocks (id, record, record_id, kind, policy, policy_version, amount, unit,
    fired, state, provisional, calendar_version, ladder_version, next_due_at)
select gen_random_uuid(), 'filing', id, 'REVIEW', 'listing_review', 1, 5, 'working_days',
    '{}', 'RUNNING', false, '1', '1',
    case when row_number() over () <= $1 then now() - interval '1 hour'
        else now() + interval '30 days' end
from filing.filings
"""
_CLAIM = """
select * from filing.clocks where {which}
order by next_due_at limit 100 for update skip locked
"""


@contextmanager
def _queue(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    _seed_filings(stage)
    read = queue_of(REVIEWER.role, None, person=False, acting=False, continued=False, limit=PAGE)
    given = {**scope_values(REVIEWER), "subject": REVIEWER.subject, "now": datetime.now(UTC)}
    script = _script(stage, "queue.sql", read, given)
    scope = {"scope": row_scope(REVIEWER), "organisation": REVIEWER.organisation}
    with stage.service("filing") as filing:
        call = Call(
            stage.place.ports["filing"],
            f"/v1/queue?limit={PAGE}",
            {"Authorization": f"Bearer {stage.token(REVIEWER)}"},
            connections=CONNECTIONS,
        )
        idle(filing)
        dues = [item["due_at"] for item in fetch(call)["items"]]
        check(len(dues) == PAGE and dues == sorted(dues), f"not the oldest {PAGE}: {dues}")
        yield {
            "page": lambda: ask(stage, call, filing=filing, postgres=stage.postgres),
            "pgbench": lambda: pgbench(
                stage, script, clients=CONNECTIONS, role="filing_app", scope=scope
            ),
        }


@contextmanager
def _as_of(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    seed_listings(stage)
    if not stage.sql("select 1 from catalog.listing_appearances limit 1"):
        stage.sql(PAST, MONTHS)
        stage.sql("vacuum analyze catalog.listing_appearances;")
    instant = datetime.now(UTC) - timedelta(days=45)
    read = numbered_at(Search(), continued=False, limit=PAGE)
    script = _script(stage, "as_of.sql", read, {"at": instant})
    with stage.service("catalog") as catalog:
        call = Call(
            stage.place.ports["catalog"],
            f"/v1/listings?limit={PAGE}&as_of={quote(f'{instant:%FT%TZ}')}",
            {"Authorization": f"Bearer {stage.token(READER)}"},
            connections=CONNECTIONS,
        )
        idle(catalog)
        page = fetch(call)
        check(len(page["items"]) == PAGE and page["total"] == LISTINGS, f"not a page: {page}")
        yield {
            "page": lambda: ask(stage, call, catalog=catalog, postgres=stage.postgres),
            "pgbench": lambda: pgbench(stage, script, clients=CONNECTIONS, role="catalog_app"),
        }


@contextmanager
def _sweep(stage: Stage) -> Iterator[Mapping[str, Variant]]:
    _seed_filings(stage)
    if not stage.sql("select 1 from filing.clocks limit 1"):
        stage.sql(_CLOCKS, DUE)
        stage.sql("vacuum analyze filing.clocks;")
    due = stage.sql("select id from filing.clocks where next_due_at <= now()")
    ids = ",".join(f"'{row['id']}'" for row in due)
    yield {
        "due": partial(_claimed, stage, _CLAIM.format(which="next_due_at <= now()")),
        "named": partial(_claimed, stage, _CLAIM.format(which=f"id in ({ids})")),
    }


def _claimed(stage: Stage, statement: str) -> Sample:
    """The sweep's own look for what is due, again and again; nothing is kept."""
    times = 50
    with watched(postgres=stage.postgres) as used:
        begun = time.perf_counter()
        for _ in range(times):
            found = len(stage.sql(statement))
            check(found == DUE, f"{found} clocks of {DUE} that are due")
        seconds = time.perf_counter() - begun
    return used.sample(times, p50=seconds / times)


def _seed_filings(stage: Stage) -> None:
    if not stage.sql("select 1 from filing.filings limit 1"):
        stage.sql(_HEAP, FILINGS)
        stage.sql("vacuum analyze filing.filings;")


def _script(stage: Stage, name: str, read: Read, given: Mapping[str, Any]) -> Path:
    """The service's own statement for pgbench, with its values written out."""
    values = read.values(given)
    text = re.sub(r"\$(\d+)", lambda place: _literal(values[int(place[1]) - 1]), read.sql)
    script = stage.state.root / name
    script.write_text(f"{text.strip()};\n", "utf-8")
    return script


def _literal(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"'{{{','.join(map(str, value))}}}'"
    return str(value) if isinstance(value, int) else f"'{value}'"


def _page_ratio(name: str, medians: Mapping[str, Sample]) -> Iterator[Row]:
    page, peer = medians["page"], medians["pgbench"]
    used = ", ".join(f"{tree} {page.cost(tree) * 1e6:.0f} µs" for tree in page.cpu)
    detail = f"{page.rate:,.0f}/s; {used}; pgbench {peer.cost() * 1e6:.0f} µs, {peer.rate:,.0f}/s"
    yield Row(name, peer.cost() / page.cost(), detail, page.foreign)


def _sweep_ratio(medians: Mapping[str, Sample]) -> Iterator[Row]:
    due, named = medians["due"], medians["named"]
    detail = f"{due.cost() * 1e6:.0f} µs of Postgres a look, {named.cost() * 1e6:.0f} µs by id"
    yield Row("large_sweep", named.cost() / due.cost(), detail, due.foreign)


CASES = (
    Case("large queue", _queue, partial(_page_ratio, "large_queue")),
    Case("large as of", _as_of, partial(_page_ratio, "large_as_of")),
    Case("large sweep", _sweep, _sweep_ratio),
)
