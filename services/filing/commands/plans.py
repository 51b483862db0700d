"""Importing a yearly list (A10.2, C6): a dry run that shows the difference, and the filing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from services.filing.commands import plan_lines
from services.filing.commands.filings import FilingEntry, create_filing
from services.filing.commands.records import (
    advance,
    keep,
    lock_names,
    owner,
    policies_now,
    type_of,
)
from services.filing.commands.submission import submit
from services.filing.errors import FilingPending, PlanTooLong
from services.filing.rules import PENDING, Action, Diff, FilingKind, Flaw, PlanLine, State, compare
from services.filing.tables import Filing, Line
from shared.database import Transaction
from shared.security.access import Relation, check_relation
from shared.security.canonical import digest


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """A list as it was read: its rows with their numbers, and what was wrong with the others."""

    year: int
    rows: int
    lines: Sequence[tuple[int, PlanLine]]
    flaws: Sequence[Flaw]


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """What filing this list would do; nothing is stored."""

    diff: Diff
    flaws: Sequence[Flaw]
    digest: str
    same_as: Filing | None


async def preview_plan(tx: Transaction, entry: PlanEntry, relation: Relation) -> PlanPreview:
    """Every row checked, and the difference to the list in force."""
    organisation = await owner(tx)
    check_relation(relation, tx.actor, organisation=organisation.id, region=organisation.region)
    flaws = await _all_flaws(tx, entry)
    content = plan_lines.as_content(entry.year, [line for _, line in entry.lines])
    found = digest(content, algorithm=tx.algorithm)
    return PlanPreview(
        diff=compare(await _in_force(tx, entry.year), [line for _, line in entry.lines]),
        flaws=flaws,
        digest=found,
        same_as=await _same(tx, entry.year, found),
    )


async def file_plan(tx: Transaction, entry: PlanEntry, relation: Relation) -> tuple[Filing, bool]:
    """File a list; False when nothing new was made because the same list is filed or in force.

    A returned list is corrected in its own thread.
    """
    organisation = await owner(tx)
    check_relation(relation, tx.actor, organisation=organisation.id, region=organisation.region)
    plan_lines.refuse(await _all_flaws(tx, entry))
    content = plan_lines.as_content(entry.year, [line for _, line in entry.lines])
    found = digest(content, algorithm=tx.algorithm)
    await lock_names(tx, f"plan:{organisation.id}:{entry.year}")
    same = await _same(tx, entry.year, found)
    if same is not None and same.state != State.RETURNED:
        return same, False
    pending = await _pending(tx, entry.year)
    if pending is None:
        made = await create_filing(
            tx,
            FilingKind.LISTING_PLAN,
            FilingEntry(content),
            relation,
            at_once=True,
            checked=True,
        )
        return made, True
    if pending.state != State.RETURNED:
        raise FilingPending(filing_id=pending.id, number=pending.number)
    pending.state = advance(tx, pending, Action.REVISE)
    pending.content, pending.digest = content, found
    keep(tx, pending, Action.REVISE)
    await submit(tx, pending, await type_of(tx, pending), organisation, checked=True)
    return pending, False


async def _all_flaws(tx: Transaction, entry: PlanEntry) -> list[Flaw]:
    limit = int((await policies_now(tx))["plan_rows"].value)
    if not 1 <= entry.rows <= limit:
        raise PlanTooLong(clause="A10.2", rows=entry.rows, limit=limit)
    organisation = await owner(tx)
    found = await plan_lines.find_flaws(tx, entry.lines, year=entry.year, organisation=organisation)
    return sorted(
        [*entry.flaws, *found], key=lambda flaw: (int(flaw.pointer.split("/")[2]), flaw.pointer)
    )


async def _in_force(tx: Transaction, year: int) -> list[PlanLine]:
    rows = await tx.session.scalars(
        select(Line).where(
            Line.organisation_id == tx.actor.organisation,
            Line.year == year,
            Line.state == "ACTIVE",
        )
    )
    return [
        PlanLine(row.item_code, row.hall_id, row.kind, row.planned_on, row.note) for row in rows
    ]


async def _pending(tx: Transaction, year: int) -> Filing | None:
    return await tx.session.scalar(
        select(Filing)
        .where(
            Filing.organisation_id == tx.actor.organisation,
            Filing.plan_year == year,
            Filing.state.in_(PENDING),
        )
        .with_for_update()
    )


async def _same(tx: Transaction, year: int, found: str) -> Filing | None:
    """The filing that already says the same: a pending one, or the one whose lines are in force."""
    in_force = select(Line.filing_id).where(Line.state == "ACTIVE")
    return await tx.session.scalar(
        select(Filing)
        .where(
            Filing.organisation_id == tx.actor.organisation,
            Filing.plan_year == year,
            Filing.digest == found,
            Filing.state.in_(PENDING) | Filing.id.in_(in_force),
        )
        .order_by(Filing.created_at.desc())
        .limit(1)
    )
