"""The ladder of a rectification: which post each rung is for, and where an empty one climbs. Pure.

As filing's ladder (K4): reminders before the limit is over, escalations after it, in office hours.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from services.monitoring.rules.rectifications import Domain
from shared.deadlines import Rung
from shared.policies import Policy

REMINDERS: Final = ("first_reminder", "second_reminder")
ESCALATIONS: Final = ("first_escalation", "second_escalation", "third_escalation")
Holder = TypeVar("Holder")


class Post(StrEnum):
    """专人, who stands in for them, and the 分管负责人 above both."""

    RESPONSIBLE = "RESPONSIBLE"
    DEPUTY = "DEPUTY"
    LEADER = "LEADER"


class Level(StrEnum):
    """Whose turn it is, from the bottom: each is answered for by the one above it (A4.1)."""

    RESPONSIBLE = "RESPONSIBLE"
    LEADER = "LEADER"
    SUPERVISOR = "SUPERVISOR"
    PROVINCE = "PROVINCE"


@dataclass(frozen=True, slots=True)
class Seat:
    """One post of one unit, at its level of a unit's ladder."""

    level: Level
    organisation_id: str
    post: Post

    @property
    def key(self) -> tuple[str, str]:
        return self.organisation_id, self.post


def rungs(policies: Mapping[str, Policy]) -> tuple[Rung, ...]:
    """Reminders at shares of the limit, escalations some hours after it; all in office hours."""
    before = [
        Rung(name, fraction=Decimal(str(policies[name].value)), office_hours=True)
        for name in REMINDERS
    ]
    after = [
        Rung(name, offset=timedelta(hours=int(policies[name].value)), office_hours=True)
        for name in ESCALATIONS
    ]
    return (*before, *after)


def level_of(value: object) -> Level:
    """A policy's words as a level; words that are none mean the top, so nothing gets lost."""
    return Level.__members__.get(str(value), Level.PROVINCE)


def seats(debtor: str, superiors: Iterable[str], province: Collection[str]) -> list[Seat]:
    """The posts of a unit's ladder from the bottom: its own, its superiors', the province's."""
    above = [each for each in superiors if each not in province and each != debtor]
    return [
        Seat(Level.RESPONSIBLE, debtor, Post.RESPONSIBLE),
        Seat(Level.RESPONSIBLE, debtor, Post.DEPUTY),
        Seat(Level.LEADER, debtor, Post.LEADER),
        *(Seat(Level.SUPERVISOR, each, post) for each in above for post in Post),
        *(Seat(Level.PROVINCE, each, post) for each in province for post in Post),
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


def answering(domain: str) -> str:
    """Whose responsible person answers: operation's or maintenance's (A12.2, A17.1)."""
    operation = domain in (Domain.SERVICE, Domain.OPERATION)
    return Domain.OPERATION if operation else Domain.MAINTENANCE
