"""Four eyes: who may decide what, in whose name, and whose own filing it is (F6). Pure."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from services.filing.errors import (
    AlreadyApproved,
    DelegationNotInForce,
    DelegationOutOfScope,
    OwnFiling,
    PersonRequired,
)
from services.filing.rules.flows import Action

APPEAL = "APPEAL"
APPEAL_WITHDRAWN = "APPEAL_WITHDRAWN"
FILED_BY = ("CREATE", Action.REVISE, Action.SUBMIT, APPEAL)
ENDORSE = "ENDORSE"
DECISIONS = frozenset(
    {Action.CONFIRM, Action.REFUSE, Action.ACCEPT, Action.APPROVE, Action.REJECT, Action.RETURN}
)
GRANTS = frozenset({Action.ACCEPT, Action.APPROVE})
LEADS = frozenset({"maintenance_lead", "major_event_lead", "renewal_notice"})


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acted, through which client, and in whose place if it was another's."""

    subject: str
    client_id: str
    organisation: str
    person: bool
    acting_for: str | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset({self.subject, self.acting_for} - {None})  # type: ignore[arg-type]  # the set has lost its None

    def same_client(self, other: "Hand") -> bool:
        """A client that acts for a person is that person; persons may share a browser's client."""
        return self.client_id == other.client_id and not (self.person and other.person)


@dataclass(frozen=True, slots=True)
class Mandate:
    """A delegation as the rules read it; empty types or organisations mean all."""

    delegate: str
    filing_types: Sequence[str]
    actions: Sequence[str]
    organisations: Sequence[str]
    starts_at: datetime
    ends_at: datetime
    revoked_at: datetime | None

    def check(
        self, *, by: Hand, now: datetime, filing_type: str, action: str, organisation: str
    ) -> None:
        """Refuse what is over, not begun, revoked, another's, or not covered, as of now."""
        in_force = self.revoked_at is None and self.starts_at <= now < self.ends_at
        if not in_force or not by.person or by.subject != self.delegate:
            raise DelegationNotInForce
        covered = (
            filing_type in (self.filing_types or (filing_type,))
            and action in self.actions
            and organisation in (self.organisations or (organisation,))
        )
        if not covered:
            raise DelegationOutOfScope(action=action, filing_type=filing_type)


def check_four_eyes(decider: Hand, filers: Iterable[Hand], delegators: AbstractSet[str]) -> None:
    """Nobody decides what they, their client or anyone up their chain of delegators filed.

    Inside one organisation both sides must be persons: else nobody could tell them apart.
    """
    mine = decider.names | delegators
    for filer in filers:
        if mine & filer.names or decider.same_client(filer):
            raise OwnFiling
        same_house = decider.organisation == filer.organisation
        if same_house and not (decider.person and filer.person):
            raise PersonRequired


def check_counts_anew(decider: Hand, earlier: Iterable[Hand]) -> None:
    """N of M counts distinct people: neither they nor whom they act for has approved before."""
    if not decider.person:
        raise PersonRequired
    if any(decider.names & hand.names for hand in earlier):
        raise AlreadyApproved


def may_decide(decider: Hand, filers: Iterable[Hand], delegators: AbstractSet[str]) -> bool:
    """Whether four eyes let this hand decide at all; a delegation never widens that."""
    try:
        check_four_eyes(decider, filers, delegators)
    except (OwnFiling, PersonRequired):
        return False
    return True


def may_grant(decider: Hand, earlier: Sequence[Hand], *, needed: int) -> bool:
    """Whether an approval of this hand would count where `needed` distinct people must give one."""
    if needed <= 1:
        return True
    try:
        check_counts_anew(decider, earlier)
    except (PersonRequired, AlreadyApproved):
        return False
    return True


def loosens(key: str, *, now: int, then: int) -> bool:
    """Whether a limit asks less than before: more time, or less notice ahead."""
    return then < now if key in LEADS else then > now
