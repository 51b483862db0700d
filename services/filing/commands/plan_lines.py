"""The lines of a yearly list (A10.2): checked, filed with their filing, in force once accepted."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import uuid4

from sqlalchemy import select, update

from services.filing import rules
from services.filing.errors import FilingPending, PlanRowsInvalid
from services.filing.rules import Flaw, PlanLine
from services.filing.tables import Filing, KnownHall, KnownItem, Line
from shared.database import Transaction
from shared.errors import FieldError
from shared.events.filing import PlanLinesAccepted

LINES_AN_EVENT = 200


def lines_of(content: Mapping[str, Any]) -> list[PlanLine]:
    return [
        PlanLine(**{**line, "planned_on": date.fromisoformat(line["planned_on"])})
        for line in content["lines"]
    ]


def as_content(year: int, lines: Sequence[PlanLine]) -> dict[str, Any]:
    """The document of a list: the same lines in another order are the same document."""
    return {"year": year, "lines": [line.document() for line in sorted(lines)]}


async def find_flaws(
    tx: Transaction,
    lines: Sequence[tuple[int, PlanLine]],
    *,
    year: int,
    organisation: rules.Organisation,
) -> list[Flaw]:
    items = {
        row.code: rules.Item(row.code, row.department, row.active)
        for row in await tx.session.scalars(
            select(KnownItem).where(KnownItem.code.in_({line.item_code for _, line in lines}))
        )
    }
    halls = {
        row.id: rules.Hall(row.id, row.region)
        for row in await tx.session.scalars(
            select(KnownHall).where(KnownHall.id.in_({line.hall_id for _, line in lines}))
        )
    }
    return list(rules.line_flaws(lines, year=year, owner=organisation, items=items, halls=halls))


def refuse(flaws: Sequence[Flaw]) -> None:
    """`plan_rows_invalid` (422) with each row and column, when there is anything wrong."""
    if flaws:
        raise PlanRowsInvalid(
            clause=flaws[0].clause,
            errors=[FieldError(flaw.pointer, flaw.code, dict(flaw.params)) for flaw in flaws],
            rows=len({flaw.pointer.split("/")[2] for flaw in flaws}),
        )


async def check_lines(
    tx: Transaction, content: Mapping[str, Any], organisation: rules.Organisation
) -> None:
    lines = list(enumerate(lines_of(content), start=1))
    refuse(await find_flaws(tx, lines, year=content["year"], organisation=organisation))


async def refuse_second_pending(tx: Transaction, filing: Filing) -> None:
    """One pending list per organisation and year."""
    other = await tx.session.scalar(
        select(Filing).where(
            Filing.organisation_id == filing.organisation_id,
            Filing.plan_year == filing.plan_year,
            Filing.state.in_(rules.PENDING),
            Filing.id != filing.id,
        )
    )
    if other is not None:
        raise FilingPending(filing_id=other.id, number=other.number)


async def file_lines(tx: Transaction, filing: Filing) -> None:
    """Write the lines of this round in one statement; those of an earlier round go."""
    lines = lines_of(filing.content)
    raw = await tx.raw()
    await raw.execute("delete from plan_lines where filing_id = $1", filing.id)
    await raw.execute(
        "insert into plan_lines (id, filing_id, organisation_id, region, year, item_code, hall_id,"
        " kind, planned_on, note, state) select i, $1, $2, $3, $4, c, h, k, p, n, 'FILED' from"
        " unnest($5::uuid[], $6::text[], $7::text[], $8::text[], $9::date[], $10::text[])"
        " as lines(i, c, h, k, p, n)",
        filing.id,
        filing.organisation_id,
        filing.region,
        filing.plan_year,
        [uuid4() for _ in lines],
        [line.item_code for line in lines],
        [line.hall_id for line in lines],
        [line.kind for line in lines],
        [line.planned_on for line in lines],
        [line.note for line in lines],
    )


async def accept_lines(tx: Transaction, filing: Filing) -> None:
    """Put this list in force in the place of the year's earlier one, and tell it in parts."""
    await tx.session.execute(
        update(Line)
        .where(
            Line.organisation_id == filing.organisation_id,
            Line.year == filing.plan_year,
            Line.state == "ACTIVE",
        )
        .values(state="REPLACED")
    )
    await tx.session.execute(update(Line).where(Line.filing_id == filing.id).values(state="ACTIVE"))
    codes = sorted({line.item_code for line in lines_of(filing.content)})
    parts = list(_parts(codes))
    for number, part in enumerate(parts, start=1):
        tx.emit(
            PlanLinesAccepted(
                filing_id=filing.id,
                organisation_id=filing.organisation_id,
                year=int(filing.content["year"]),
                item_codes=part,
                part=number,
                parts=len(parts),
            ),
            subject=f"filing:{filing.id}",
            region=filing.region,
        )


def _parts(codes: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(codes), LINES_AN_EVENT):
        yield codes[start : start + LINES_AN_EVENT]
