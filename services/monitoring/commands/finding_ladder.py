"""The ladder of a rectification: each rung to one named post, an empty post climbs (A16.2, K4)."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from services.monitoring.commands.finding_records import keep, subject_of
from services.monitoring.commands.policies import policies_now, today
from services.monitoring.rules.ladder import (
    ESCALATIONS,
    Seat,
    answering,
    climb,
    level_of,
    seats,
)
from services.monitoring.tables import Finding
from shared.database import Transaction
from shared.deadlines import Rung
from shared.events.filing import Addressee, UnitPost
from shared.events.monitoring import RectificationEscalated, RectificationReminded

REMINDED, ESCALATED = "REMINDED", "ESCALATED"
# The units above a debtor, the nearest first; while events arrive two may each name the other.
_ABOVE: Final = """
    with recursive above (id, depth) as (
        select parent, 1 from known_organisations where id = $1
        union
        select parent, depth + 1 from known_organisations join above using (id) where depth < 8
    )
    select id from known_organisations join above using (id)
    where id <> $1 group by id order by min(depth)
"""
_PROVINCE: Final = """
    select id from known_organisations where kind = 'PROVINCIAL_AUTHORITY' and active order by id
"""
# Of several who hold one post the one whose term began last, as catalog shows them.
_HELD: Final = """
    select distinct on (p.organisation_id, p.post) p.organisation_id, p.post, p.id
    from known_persons p join known_organisations o on o.id = p.organisation_id and o.active
    where p.organisation_id = any($1) and p.domain = $2
        and p.valid_from <= $3 and (p.valid_to is null or p.valid_to >= $3)
    order by p.organisation_id, p.post, p.valid_from desc, p.id
"""


async def fire_rung(tx: Transaction, finding: Finding, rung: Rung) -> None:
    """Address a rung to whoever is there from its level up, keep it, and tell it."""
    if finding.due_at is None:
        return
    level = level_of((await policies_now(tx))[f"{rung.name}_level"].value)
    domain = answering(finding.domain)
    ladder = await _ladder(tx, finding.organisation_id)
    held = await _held(tx, ladder, domain)
    seat, empty = climb(ladder, level, held)
    skipped = [_post(each, domain) for each in empty]
    to = (
        Addressee(**_post(seat, domain).model_dump(), person_id=held[seat.key])
        if seat is not None
        else None
    )
    late = rung.name in ESCALATIONS
    event = RectificationEscalated if late else RectificationReminded
    told = event(
        finding_id=finding.id,
        organisation_id=finding.organisation_id,
        rung=rung.name,
        due_at=finding.due_at,
        level=level,
        to=to,
        skipped=skipped,
    )
    addressee = told.model_dump(mode="json", include={"rung", "level", "to", "skipped"})
    keep(tx, finding, ESCALATED if late else REMINDED, addressee=addressee)
    tx.emit(told, subject=subject_of(finding), region=finding.region)


async def _ladder(tx: Transaction, debtor: str) -> list[Seat]:
    raw = await tx.raw()
    superiors = [row["id"] for row in await raw.fetch(_ABOVE, debtor)]
    province = [row["id"] for row in await raw.fetch(_PROVINCE)]
    return seats(debtor, superiors, province)


async def _held(tx: Transaction, ladder: list[Seat], domain: str) -> Mapping[tuple[str, str], UUID]:
    """Who holds which of these posts today."""
    units = sorted({seat.organisation_id for seat in ladder})
    rows = await (await tx.raw()).fetch(_HELD, units, domain, today(tx))
    return {(row["organisation_id"], row["post"]): row["id"] for row in rows}


def _post(seat: Seat, domain: str) -> UnitPost:
    return UnitPost(organisation_id=seat.organisation_id, domain=domain, post=seat.post)
