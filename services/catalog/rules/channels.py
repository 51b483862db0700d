"""Mobile channels beside the platform: no new ones, the old ones move in (A5.1, A5.2)."""

from datetime import date
from enum import StrEnum

from shared.lifecycle import Lifecycle, Step
from shared.security.identity import Role


class ChannelKind(StrEnum):
    APP = "APP"
    MINI_PROGRAM = "MINI_PROGRAM"
    OFFICIAL_ACCOUNT = "OFFICIAL_ACCOUNT"
    WEBSITE = "WEBSITE"
    OTHER = "OTHER"


class ChannelState(StrEnum):
    EXISTING = "EXISTING"
    PLANNED = "PLANNED"
    MIGRATING = "MIGRATING"
    INTEGRATED = "INTEGRATED"
    RETIRED = "RETIRED"


class ChannelAction(StrEnum):
    PLAN = "PLAN"
    MIGRATE = "MIGRATE"
    INTEGRATE = "INTEGRATE"
    RETIRE = "RETIRE"


class Overdue(StrEnum):
    """What a channel is late with."""

    EXCEPTION = "exception"
    MIGRATION = "migration"


S, A = ChannelState, ChannelAction
_OWNERS = {Role.PROVINCE, Role.CITY, Role.COUNTY, Role.DEPARTMENT}

CHANNEL = Lifecycle(
    name="channel",
    initial=S.EXISTING,
    steps=(
        Step(A.PLAN, {S.EXISTING}, S.PLANNED, _OWNERS, clause="A5.2"),
        Step(A.MIGRATE, {S.PLANNED}, S.MIGRATING, _OWNERS, clause="A5.2"),
        Step(A.INTEGRATE, {S.MIGRATING}, S.INTEGRATED, _OWNERS, clause="A5.2"),
        Step(A.RETIRE, {S.INTEGRATED}, S.RETIRED, _OWNERS, clause="A5.2"),
    ),
    terminal={S.RETIRED},
)
CHANNEL_ACTION = {
    S.PLANNED: A.PLAN,
    S.MIGRATING: A.MIGRATE,
    S.INTEGRATED: A.INTEGRATE,
    S.RETIRED: A.RETIRE,
}
STANDS_ALONE = frozenset({S.EXISTING, S.PLANNED, S.MIGRATING})
MOVES_IN = frozenset({S.PLANNED, S.MIGRATING})


def name_key(name: str) -> str:
    """A channel's name however it is spaced or cased."""
    return "".join(name.split()).casefold()


def due_dates(
    state: ChannelState, *, exception_until: date | None, migration_due: date | None
) -> dict[Overdue, date]:
    """The days after which a channel in this state is late, by what with."""
    found: dict[Overdue, date] = {}
    if exception_until is not None and state in STANDS_ALONE:
        found[Overdue.EXCEPTION] = exception_until
    if migration_due is not None and state in MOVES_IN:
        found[Overdue.MIGRATION] = migration_due
    return found
