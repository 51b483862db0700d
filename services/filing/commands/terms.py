"""Terms that a filing asks for: checked against what others hold, granted by the decision."""

from sqlalchemy import select

from services.filing import rules
from services.filing.commands.records import lock_names, policies_now, today
from services.filing.errors import TermOverlaps
from services.filing.rules import Flaw, Term, TermKind
from services.filing.tables import Filing, GrantedTerm
from shared.database import Transaction
from shared.errors import FieldError


async def term_flaws(tx: Transaction, filing: Filing, kind: TermKind, clause: str) -> list[Flaw]:
    longest = int((await policies_now(tx))[rules.LONGEST[kind]].value)
    term = rules.term_of(filing.content)
    return list(rules.term_flaws(term, today=today(tx), longest=longest, clause=clause))


async def refuse_overlap(tx: Transaction, filing: Filing, kind: TermKind, clause: str) -> None:
    """`term_overlaps` (409) names the filing that holds a day of the term already."""
    asked = rules.term_of(filing.content)
    held = await tx.session.scalar(
        select(GrantedTerm).where(
            GrantedTerm.kind == kind,
            GrantedTerm.subject == filing.subject,
            GrantedTerm.ended_at.is_(None),
            GrantedTerm.until >= asked.since,
            GrantedTerm.since <= asked.until,
        )
    )
    if held is not None:
        raise TermOverlaps(
            clause=clause,
            filing_id=held.id,
            since=held.since,
            until=held.until,
            errors=[FieldError("/content/since", TermOverlaps.code)],
        )


async def grant(tx: Transaction, filing: Filing, kind: TermKind, clause: str) -> Term:
    """Hold the term for this filing, if nobody else has come to hold a day of it."""
    await lock_names(tx, str(filing.subject))
    await refuse_overlap(tx, filing, kind, clause)
    term = rules.term_of(filing.content)
    tx.session.add(
        GrantedTerm(
            id=filing.id,
            kind=kind,
            subject=filing.subject,
            organisation_id=filing.organisation_id,
            region=filing.region,
            since=term.since,
            until=term.until,
            granted_at=tx.now,
        )
    )
    return term
