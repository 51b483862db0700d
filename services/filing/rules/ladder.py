"""The ladder of what is owed: which post each rung is for, and where an empty post climbs (K4)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from services.filing.rules.documents import KINDS
from services.filing.rules.types import ClockKind
from shared.deadlines import Rung
from shared.policies import Policy

REMINDERS: Final = ("first_reminder", "second_reminder")
ESCALATIONS: Final = ("first_escalation", "second_escalation", "third_escalation")
Holder = TypeVar("Holder")


class Post(StrEnum):
    """专人, who stands in for them, and the 分管负责人 above both; of one unit and one domain.

    A partner and the operator speak through a 联络人 on each side (A15.3).
    """

    RESPONSIBLE = "RESPONSIBLE"
    DEPUTY = "DEPUTY"
    LEADER = "LEADER"
    LIAISON = "LIAISON"


POSTS: Final = (Post.RESPONSIBLE, Post.DEPUTY, Post.LEADER)


class Level(StrEnum):
    """Whose turn it is, from the bottom: each is answered for by the one above it (A4.1)."""

    RESPONSIBLE = "RESPONSIBLE"
    LEADER = "LEADER"
    SUPERVISOR = "SUPERVISOR"
    PROVINCE = "PROVINCE"


@dataclass(frozen=True, slots=True)
class Seat:
    """One post of one unit, at its level of a debtor's ladder."""

    level: Level
    organisation_id: str
    post: Post

    @property
    def key(self) -> tuple[str, str]:
        return self.organisation_id, self.post


def reminders(policies: Mapping[str, Policy]) -> tuple[Rung, ...]:
    """The rungs before a limit is over, at shares of it, in office hours."""
    return tuple(
        Rung(name, fraction=Decimal(str(policies[name].value)), office_hours=True)
        for name in REMINDERS
    )


def escalations(policies: Mapping[str, Policy]) -> tuple[Rung, ...]:
    """The rungs after it is over, some hours later, in office hours."""
    return tuple(
        Rung(name, offset=timedelta(hours=int(policies[name].value)), office_hours=True)
        for name in ESCALATIONS
    )


def ladder_version(policies: Mapping[str, Policy]) -> str:
    """The versions of the waits that may change while clocks run."""
    return ".".join(str(policies[name].version) for name in ESCALATIONS)


def level_of(value: object) -> Level:
    """A policy's words as a level; words that are none mean the top, so nothing gets lost."""
    return Level.__members__.get(str(value), Level.PROVINCE)


def seats(
    debtor: str,
    superiors: Iterable[str],
    province: Collection[str],
    liaisons: Collection[str] = (),
) -> list[Seat]:
    """The posts of a unit's ladder from the bottom: its own, its superiors', the province's.

    `liaisons` are the units of a partner's pair: its own is asked first, the operator's before the
    units above.
    """
    above = [each for each in superiors if each not in province]
    return [
        *(Seat(Level.RESPONSIBLE, each, Post.LIAISON) for each in liaisons if each == debtor),
        Seat(Level.RESPONSIBLE, debtor, Post.RESPONSIBLE),
        Seat(Level.RESPONSIBLE, debtor, Post.DEPUTY),
        Seat(Level.LEADER, debtor, Post.LEADER),
        *(Seat(Level.SUPERVISOR, each, Post.LIAISON) for each in liaisons if each != debtor),
        *(Seat(Level.SUPERVISOR, each, post) for each in above for post in POSTS),
        *(Seat(Level.PROVINCE, each, post) for each in province for post in POSTS),
    ]


def climb(
    ladder: Sequence[Seat], level: Level, held: Mapping[tuple[str, str], Holder]
) -> tuple[Seat | None, list[Seat]]:
    """The first post from this level up that somebody holds, and the empty ones passed over.

    The post is None when nobody is there up to the top.
    """
    order = list(Level)
    empty: dict[tuple[str, str], Seat] = {}
    for seat in ladder:
        if order.index(seat.level) < order.index(level):
            continue
        if seat.key in held:
            return seat, list(empty.values())
        empty.setdefault(seat.key, seat)
    return None, list(empty.values())


def domain_of(kind: ClockKind, subject: str | None) -> str:
    """Whose responsible person answers for a debt: operation's or maintenance's (A12.2, A17.1)."""
    match kind:
        case ClockKind.DOCUMENT:
            return KINDS[_part(subject)].domain
        case ClockKind.RESPONSIBLE_PERSON:
            return _part(subject)
        case ClockKind.FIRST_REPORT | ClockKind.FINAL_REPORT | ClockKind.RENEWAL:
            return "MAINTENANCE"
        case _:
            return "OPERATION"


def _part(subject: str | None) -> str:
    """What a subject is about: the second of its parts."""
    return (subject or "").split(":")[1]
