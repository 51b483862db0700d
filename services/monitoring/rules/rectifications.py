"""Findings and what is done about them: one loop for every source (A14.3, A16.2, A24.2). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.monitoring.errors import OwnRectification, PersonRequired, RetestDecides
from shared.lifecycle import Lifecycle, Step
from shared.security.identity import Actor, Role

PLATFORM: Final = "platform"  # the organisation of what the platform does by itself


class Source(StrEnum):
    """Where a finding comes from."""

    REPORT = "REPORT"
    INSPECTION = "INSPECTION"
    SUPERVISION = "SUPERVISION"
    SECURITY = "SECURITY"
    COMPLAINT = "COMPLAINT"
    RULE = "RULE"


class Severity(StrEnum):
    NORMAL = "NORMAL"
    HIGH = "HIGH"


class Domain(StrEnum):
    """The four domains of management: 服务, 运营, 运维, 安全 (A3)."""

    SERVICE = "SERVICE"
    OPERATION = "OPERATION"
    MAINTENANCE = "MAINTENANCE"
    SECURITY = "SECURITY"


class Retest(StrEnum):
    """What shows that a finding is put right: probes, a rule, or evidence that a person reads."""

    PROBE = "PROBE"
    RULE = "RULE"
    EVIDENCE = "EVIDENCE"


class FindingKind(StrEnum):
    PROBE_MISSING = "PROBE_MISSING"
    ENTRY_UNAVAILABLE = "ENTRY_UNAVAILABLE"
    CONTENT = "CONTENT"
    PROCESS = "PROCESS"
    SECURITY_WEAKNESS = "SECURITY_WEAKNESS"
    CHECKLIST = "CHECKLIST"
    RUN_MISSED = "RUN_MISSED"
    OBLIGATION_OVERDUE = "OBLIGATION_OVERDUE"
    NOTHING_PASSED = "NOTHING_PASSED"
    CASE_OVERDUE = "CASE_OVERDUE"
    RATING_DROP = "RATING_DROP"
    WINDOW_OVERRUN = "WINDOW_OVERRUN"
    SELF_INSPECTION_MISSING = "SELF_INSPECTION_MISSING"
    RISK_ASSESSMENT_MISSING = "RISK_ASSESSMENT_MISSING"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of finding is about, how it is tested again, and whether people record it."""

    domain: Domain
    clause: str
    retest: Retest
    by_hand: bool = True


KINDS: Final[Mapping[FindingKind, Kind]] = MappingProxyType(
    {
        FindingKind.PROBE_MISSING: Kind(Domain.MAINTENANCE, "A17.3", Retest.PROBE, by_hand=False),
        FindingKind.ENTRY_UNAVAILABLE: Kind(Domain.MAINTENANCE, "A17.3", Retest.PROBE),
        FindingKind.CONTENT: Kind(Domain.OPERATION, "A24.1", Retest.EVIDENCE),
        FindingKind.PROCESS: Kind(Domain.SERVICE, "A24.1", Retest.EVIDENCE),
        FindingKind.SECURITY_WEAKNESS: Kind(Domain.SECURITY, "A20.3", Retest.EVIDENCE),
        FindingKind.CHECKLIST: Kind(Domain.MAINTENANCE, "A16.1", Retest.EVIDENCE),
        FindingKind.RUN_MISSED: Kind(Domain.MAINTENANCE, "A17.2", Retest.RULE, by_hand=False),
        FindingKind.OBLIGATION_OVERDUE: Kind(Domain.OPERATION, "A16.2", Retest.RULE, by_hand=False),
        FindingKind.NOTHING_PASSED: Kind(Domain.MAINTENANCE, "A17.3", Retest.PROBE, by_hand=False),
        FindingKind.CASE_OVERDUE: Kind(Domain.SERVICE, "A18.4", Retest.RULE, by_hand=False),
        FindingKind.RATING_DROP: Kind(Domain.SERVICE, "A18.3", Retest.EVIDENCE, by_hand=False),
        FindingKind.WINDOW_OVERRUN: Kind(Domain.MAINTENANCE, "A16.3", Retest.RULE, by_hand=False),
        FindingKind.SELF_INSPECTION_MISSING: Kind(
            Domain.OPERATION, "A14.2", Retest.RULE, by_hand=False
        ),
        FindingKind.RISK_ASSESSMENT_MISSING: Kind(
            Domain.SECURITY, "A20.3", Retest.RULE, by_hand=False
        ),
        FindingKind.OTHER: Kind(Domain.OPERATION, "A16.2", Retest.EVIDENCE),
    }
)


class FindingState(StrEnum):
    OPEN = "OPEN"
    DISPATCHED = "DISPATCHED"
    SUBMITTED = "SUBMITTED"
    VERIFIED = "VERIFIED"
    REOPENED = "REOPENED"
    CLOSED = "CLOSED"


class FindingAction(StrEnum):
    ORDER = "ORDER"
    SUBMIT = "SUBMIT"
    VERIFY = "VERIFY"
    REOPEN = "REOPEN"
    CLOSE = "CLOSE"
    RESOLVE = "RESOLVE"
    LAPSE = "LAPSE"


class Party(StrEnum):
    """Who acts on a finding: who supervises, who has to put it right, or the platform itself."""

    SUPERVISOR = "SUPERVISOR"
    DEBTOR = "DEBTOR"
    PLATFORM = "PLATFORM"


_S, _A, _P = FindingState, FindingAction, Party
_ORDERED: Final = {_S.DISPATCHED, _S.SUBMITTED, _S.REOPENED}
RECTIFICATION: Final = Lifecycle(
    name="rectification",
    initial=_S.OPEN,
    steps=(
        Step(_A.ORDER, {_S.OPEN}, _S.DISPATCHED, {_P.SUPERVISOR, _P.PLATFORM}, clause="A16.2"),
        Step(_A.SUBMIT, {_S.DISPATCHED, _S.REOPENED}, _S.SUBMITTED, {_P.DEBTOR}, clause="A14.3"),
        Step(_A.VERIFY, {_S.SUBMITTED}, _S.VERIFIED, {_P.SUPERVISOR, _P.PLATFORM}, clause="A24.2"),
        Step(
            _A.REOPEN,
            {_S.SUBMITTED, _S.VERIFIED},
            _S.REOPENED,
            {_P.SUPERVISOR, _P.PLATFORM},
            clause="A24.2",
        ),
        Step(_A.CLOSE, {_S.VERIFIED}, _S.CLOSED, {_P.SUPERVISOR, _P.PLATFORM}, clause="A16.2"),
        Step(_A.RESOLVE, {_S.OPEN}, _S.CLOSED, {_P.PLATFORM}, clause="A17.3"),
        Step(_A.LAPSE, {_S.OPEN, *_ORDERED}, _S.CLOSED, {_P.PLATFORM}),
    ),
    terminal={_S.CLOSED},
)
_DECIDED_BY_RETEST: Final = frozenset({_A.VERIFY, _A.REOPEN, _A.CLOSE})


def check_retest(retest: str, action: FindingAction) -> None:
    """What can be tested again is verified, reopened and closed by that alone (M9)."""
    if action in _DECIDED_BY_RETEST and retest != Retest.EVIDENCE:
        raise RetestDecides(retest=retest, action=action)


def allowed_actions(state: str, party: Party, retest: str) -> tuple[FindingAction, ...]:
    """What this party may do now."""
    offered = RECTIFICATION.actions(FindingState(state), party)
    if party is Party.PLATFORM or retest == Retest.EVIDENCE:
        return offered
    return tuple(each for each in offered if each not in _DECIDED_BY_RETEST)


def supervises(actor: Actor, *, debtor: str, ordered_by: str | None) -> bool:
    """The province supervises everybody; a city others than itself, and what others ordered not.

    Whether the debtor is of its region is asked of the policy table.
    """
    if actor.role is Role.PROVINCE:
        return True
    own = ordered_by in (None, PLATFORM, actor.organisation)
    return actor.role is Role.CITY and own and debtor != actor.organisation


def limit_policy(domain: str, severity: str) -> str:
    """Which policy says how long a unit has: what endangers security is put right sooner."""
    urgent = domain == Domain.SECURITY and severity == Severity.HIGH
    return "rectification_security_high" if urgent else "rectification"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who acted, through which client."""

    subject: str
    client_id: str
    organisation: str
    person: bool


def check_second_person(verifier: Hand, submitters: Iterable[Hand]) -> None:
    """Evidence is read by a person who has not handed it in, under any name (F6)."""
    if not verifier.person:
        raise PersonRequired
    for each in submitters:
        same_client = verifier.client_id == each.client_id and not each.person
        if verifier.subject == each.subject or same_client:
            raise OwnRectification
        if verifier.organisation == each.organisation and not each.person:
            raise PersonRequired  # a system of the same house may have been the verifier


class Verdict(StrEnum):
    PASSED = "PASSED"
    FAILED = "FAILED"


def verdict(
    samples: Mapping[object, Mapping[str, Sequence[bool]]],
    *,
    passes: int,
    failures: int,
    needed: int,
) -> Verdict | None:
    """What the newest results of each probe say, by vantage point and the newest first.

    A probe fails once `needed` vantage points see it fail, and passes once too few are left to, as
    an outage is decided (M5). One failing probe is enough to fail; to pass, all must have passed.
    None while it is too early.
    """
    said = [_of_probe(each, passes, failures, needed) for each in samples.values()]
    if Verdict.FAILED in said:
        return Verdict.FAILED
    return Verdict.PASSED if said and set(said) == {Verdict.PASSED} else None


def _of_probe(
    seen: Mapping[str, Sequence[bool]], passes: int, failures: int, needed: int
) -> Verdict | None:
    looking = [each for each in seen.values() if each]
    needed = min(needed, len(looking))
    failed = sum(len(each) >= failures and not any(each[:failures]) for each in looking)
    passed = sum(len(each) >= passes and all(each[:passes]) for each in looking)
    if not looking:
        return None
    if failed >= needed:
        return Verdict.FAILED
    return Verdict.PASSED if len(looking) - passed < needed else None
