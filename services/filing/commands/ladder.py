"""The ladder of an obligation: each rung to one named person, an empty post climbs (K4)."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from services.filing.commands.records import policies_now, today
from services.filing.rules import ESCALATIONS, PARTNER_KIND, Post, Seat, climb, level_of, seats
from services.filing.tables import LadderRung, Obligation
from shared.database import Transaction
from shared.deadlines import Rung
from shared.events.filing import Addressee, ObligationEscalated, ObligationReminded, UnitPost

# The units above a debtor, the nearest first; a partner's supervising unit is above it. A superior
# may not be known yet, and two units may each name the other while their events arrive: nobody has
# so many above.
_ABOVE: Final = """
    with recursive above (id, depth) as (
        select coalesce(supervising_organisation, parent), 1
            from known_organisations left join partners on organisation_id = id where id = $1
        union
        select parent, depth + 1 from known_organisations join above using (id)
            where depth < 8
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
# A partner's pair, the operator's side only if it is known; null where nobody is there today.
_PAIR: Final = """
    select p.organisation_id as unit, case when o.active and p.valid_from <= $2
        and (p.valid_to is null or p.valid_to >= $2) then p.id end as person
    from known_liaisons l
        join known_persons p on p.id in (l.partner_person_id, l.operator_person_id)
        join known_organisations o on o.id = p.organisation_id
    where l.id = $1
"""


async def fire_rung(tx: Transaction, obligation: Obligation, rung: Rung) -> None:
    """Address a rung to whoever is there from its level up, keep it, and tell it."""
    level = level_of((await policies_now(tx))[f"{rung.name}_level"].value)
    pair = await _pair(tx, obligation.organisation_id)
    ladder = await _ladder(tx, obligation.organisation_id, pair)
    held = {**await _held(tx, ladder, obligation.domain), **_there(pair)}
    seat, empty = climb(ladder, level, held)
    skipped = [_post(each, obligation.domain) for each in empty]
    to = (
        Addressee(**_post(seat, obligation.domain).model_dump(), person_id=held[seat.key])
        if seat is not None
        else None
    )
    tx.session.add(
        LadderRung(
            obligation_id=obligation.id,
            rung=rung.name,
            level=level,
            fired_at=tx.now,
            organisation_id=to.organisation_id if to else None,
            post=to.post if to else None,
            person_id=to.person_id if to else None,
            skipped=[each.model_dump() for each in skipped],
        )
    )
    event = ObligationEscalated if rung.name in ESCALATIONS else ObligationReminded
    tx.emit(
        event(
            obligation_id=obligation.id,
            organisation_id=obligation.organisation_id,
            rung=rung.name,
            due_at=obligation.due_at,
            level=level,
            to=to,
            skipped=skipped,
        ),
        subject=f"obligation:{obligation.id}",
        region=obligation.region,
    )


async def _pair(tx: Transaction, debtor: str) -> Mapping[str, UUID | None]:
    """The liaison of a partner and of the operator, by unit; nothing for other debtors."""
    raw = await tx.raw()
    kind = await raw.fetchval("select kind from known_organisations where id = $1", debtor)
    if kind != PARTNER_KIND:
        return {}
    rows = await raw.fetch(_PAIR, debtor, today(tx))
    return {debtor: None, **{row["unit"]: row["person"] for row in rows}}


def _there(pair: Mapping[str, UUID | None]) -> dict[tuple[str, str], UUID]:
    return {(unit, Post.LIAISON.value): person for unit, person in pair.items() if person}


async def _ladder(tx: Transaction, debtor: str, pair: Mapping[str, UUID | None]) -> list[Seat]:
    raw = await tx.raw()
    superiors = [row["id"] for row in await raw.fetch(_ABOVE, debtor)]
    province = [row["id"] for row in await raw.fetch(_PROVINCE)]
    return seats(debtor, superiors, province, liaisons=list(pair))


async def _held(tx: Transaction, ladder: list[Seat], domain: str) -> Mapping[tuple[str, str], UUID]:
    """Who holds which of these posts today."""
    units = sorted({seat.organisation_id for seat in ladder})
    rows = await (await tx.raw()).fetch(_HELD, units, domain, today(tx))
    return {(row["organisation_id"], row["post"]): row["id"] for row in rows}


def _post(seat: Seat, domain: str) -> UnitPost:
    return UnitPost(organisation_id=seat.organisation_id, domain=domain, post=seat.post)
