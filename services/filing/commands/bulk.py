"""Many decisions in one call: each stands alone, all are answered together."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.filing.commands.applications import approve_filing, reject_filing
from services.filing.commands.review import (
    Decision,
    accept_filing,
    confirm_filing,
    refuse_filing,
    return_filing,
)
from services.filing.rules import Action
from services.filing.tables import Filing
from shared.database import Transaction
from shared.errors import DomainError
from shared.security.access import Relation


@dataclass(frozen=True, slots=True)
class Wish:
    """One decision as its reviewer wants it, on the version that they have read."""

    filing_id: UUID
    version: int
    action: Action
    decision: Decision


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a wish: the state that was reached, or the refusal."""

    filing_id: UUID
    state: str | None = None
    version: int | None = None
    refusal: DomainError | None = None


async def decide_many(tx: Transaction, wishes: Sequence[Wish], relation: Relation) -> list[Outcome]:
    """Decide one by one, each in a savepoint of its own; the outcomes stand as the wishes stood."""
    outcomes: dict[int, Outcome] = {}
    # In one order of ids, so that two batches never wait for each other in a circle.
    for place in sorted(range(len(wishes)), key=lambda place: str(wishes[place].filing_id)):
        outcomes[place] = await _decide(tx, wishes[place], relation)
    return [outcomes[place] for place in range(len(wishes))]


async def _decide(tx: Transaction, wish: Wish, relation: Relation) -> Outcome:
    tx.expected_version = wish.version
    try:
        async with tx.savepoint():
            filing = await _do(tx, wish, relation)
            await tx.session.flush()
    except DomainError as refusal:
        return Outcome(wish.filing_id, refusal=refusal)
    return Outcome(wish.filing_id, state=filing.state, version=filing.version)


async def _do(tx: Transaction, wish: Wish, relation: Relation) -> Filing:
    said, of = wish.decision, wish.filing_id
    under = said.delegation_id
    match wish.action:
        case Action.ACCEPT:
            return await accept_filing(tx, of, relation, opinion=said.opinion, delegation_id=under)
        case Action.APPROVE:
            return await approve_filing(tx, of, relation, opinion=said.opinion, delegation_id=under)
        case Action.CONFIRM:
            return await confirm_filing(tx, of, relation, opinion=said.opinion, delegation_id=under)
        case Action.RETURN:
            return await return_filing(tx, of, relation, said)
        case Action.REJECT:
            return await reject_filing(tx, of, relation, said)
        case Action.REFUSE:
            return await refuse_filing(tx, of, relation, said)
    raise ValueError(f"{wish.action} is no decision of a reviewer")
