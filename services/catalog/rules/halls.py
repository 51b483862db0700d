"""The lives of halls and zones: merged, retained, opened, closed (A5.3, A5.5, A8.2)."""

from datetime import date
from enum import StrEnum

from shared.lifecycle import Lifecycle, Step
from shared.security.identity import Role


class HallState(StrEnum):
    ACTIVE = "ACTIVE"
    MERGING = "MERGING"
    MERGED = "MERGED"
    RETAINED = "RETAINED"


class HallAction(StrEnum):
    START_MERGING = "START_MERGING"
    MERGE = "MERGE"
    RETAIN = "RETAIN"
    END_RETENTION = "END_RETENTION"


_PROVINCE = {Role.PROVINCE}
# RETAIN is filing's decision and END_RETENTION the clock's; both act as the platform itself.
HALL = Lifecycle(
    name="hall",
    initial=HallState.ACTIVE,
    steps=(
        Step(
            HallAction.START_MERGING,
            {HallState.ACTIVE, HallState.RETAINED},
            HallState.MERGING,
            _PROVINCE,
            clause="A5.3",
        ),
        Step(HallAction.MERGE, {HallState.MERGING}, HallState.MERGED, _PROVINCE, clause="A5.3"),
        Step(HallAction.RETAIN, {HallState.MERGING}, HallState.RETAINED, _PROVINCE, clause="A5.5"),
        Step(
            HallAction.END_RETENTION,
            {HallState.RETAINED},
            HallState.MERGING,
            _PROVINCE,
            clause="A5.5",
        ),
    ),
    terminal={HallState.MERGED},
)
HALL_ACTION = {
    HallState.MERGING: HallAction.START_MERGING,
    HallState.MERGED: HallAction.MERGE,
}
"""What a province's change of a hall's state means; the others are not for it to make."""

TAKES_IN = frozenset({HallState.ACTIVE, HallState.RETAINED})
"""A hall in one of these states may take another one in."""


class RetentionFlaw(StrEnum):
    """Why an accepted retention does not hold (A5.5)."""

    NOT_MERGING = "not_merging"
    OVERLAP = "overlap"
    OVER = "over"


def retention_flaw(
    state: HallState, *, since: date, until: date, retained_until: date | None, today: date
) -> RetentionFlaw | None:
    """None when the hall may be kept, or kept on; the days are both included.

    A renewal begins after the last day of the retention before it.
    """
    if until < today:
        return RetentionFlaw.OVER
    if retained_until is not None and since <= retained_until:
        return RetentionFlaw.OVERLAP
    if state not in (HallState.MERGING, HallState.RETAINED):
        return RetentionFlaw.NOT_MERGING
    return None


class ZoneState(StrEnum):
    DRAFT = "DRAFT"
    LISTED = "LISTED"
    SUSPENDED = "SUSPENDED"
    DELISTED = "DELISTED"


class ZoneAction(StrEnum):
    PUBLISH = "PUBLISH"
    SUSPEND = "SUSPEND"
    RESUME = "RESUME"
    DELIST = "DELIST"


_KEEPERS = {Role.PROVINCE, Role.OPERATOR, Role.DEPARTMENT}
Z = ZoneState

ZONE = Lifecycle(
    name="zone",
    initial=Z.DRAFT,
    steps=(
        Step(ZoneAction.PUBLISH, {Z.DRAFT, Z.DELISTED}, Z.LISTED, _KEEPERS, clause="A8.2"),
        Step(ZoneAction.SUSPEND, {Z.LISTED}, Z.SUSPENDED, _KEEPERS, clause="A8.2"),
        Step(ZoneAction.RESUME, {Z.SUSPENDED}, Z.LISTED, _KEEPERS, clause="A8.2"),
        Step(ZoneAction.DELIST, {Z.LISTED, Z.SUSPENDED}, Z.DELISTED, _KEEPERS, clause="A8.2"),
    ),
    terminal=frozenset(),
)


def zone_action(state: ZoneState, wanted: ZoneState) -> ZoneAction | None:
    """The step that a change of state stands for; None when nothing leads there."""
    if wanted is Z.LISTED:
        return ZoneAction.RESUME if state is Z.SUSPENDED else ZoneAction.PUBLISH
    return {Z.SUSPENDED: ZoneAction.SUSPEND, Z.DELISTED: ZoneAction.DELIST}.get(wanted)
