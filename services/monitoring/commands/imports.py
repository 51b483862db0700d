"""Probes from a configuration of another tool: looked at first, then taken all or not at all."""

from collections.abc import Sequence
from uuid import UUID

from services.monitoring.commands.limits import limits_now
from services.monitoring.commands.probes import ProbeEntry, create_probe, live_listing
from services.monitoring.errors import ImportUnreadable, ProbeInvalid
from services.monitoring.rules.imports import (
    Asked,
    DocumentUnreadable,
    Format,
    Planned,
    Reading,
    flaw_places,
    read_blackbox,
    read_document,
    read_gatus,
)
from services.monitoring.rules.probing import Bounds, flaws
from shared.database import Transaction
from shared.security.access import Relation


async def plan_import(
    tx: Transaction,
    listing_id: UUID,
    text: str,
    *,
    form: Format,
    asked: Sequence[Asked],
    relation: Relation,
) -> Reading:
    """What would be created, what is wrong where, and what stays behind; nothing is written.

    `listing_unwatched` (404), `import_unreadable` (422).
    """
    await live_listing(tx, listing_id, relation=relation)
    limits = await limits_now(tx)
    try:
        document = read_document(text)
        found = (
            read_gatus(document, interval=limits.interval)
            if form is Format.GATUS
            else read_blackbox(document, asked, interval=limits.interval)
        )
    except DocumentUnreadable as error:
        raise ImportUnreadable(reason=error.reason) from error
    bounds = Bounds(shortest=limits.shortest, longest_timeout=limits.timeout)
    good: list[Planned] = []
    for each in found.probes:
        wrong = list(
            flaw_places(
                flaws(
                    url=each.url,
                    method=each.method,
                    conditions=each.conditions,
                    interval=each.interval_seconds,
                    timeout=each.timeout_seconds,
                    redirects=each.redirects,
                    bounds=bounds,
                ),
                each.place,
            )
        )
        found.errors += wrong
        if not wrong:
            good.append(each)
    found.probes = good
    return found


async def import_probes(
    tx: Transaction, listing_id: UUID, reading: Reading, *, relation: Relation
) -> list[UUID]:
    """Create all of them; `probe_invalid` (422) where one entry is wrong, and then none."""
    if reading.errors:
        raise ProbeInvalid(errors=reading.errors, clause="A17.3")
    made = []
    for each in reading.probes:
        entry = ProbeEntry(
            name=each.name,
            url=each.url,
            method=each.method,
            conditions=each.conditions,
            interval_seconds=each.interval_seconds,
            timeout_seconds=each.timeout_seconds,
            redirects=each.redirects,
            vantages=None,
            parents=[],
            paused=each.paused,
        )
        made.append((await create_probe(tx, listing_id, entry, relation=relation)).id)
    return made
