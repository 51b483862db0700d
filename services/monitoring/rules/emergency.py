"""Emergency plans and leads: when a drill or a review is due, and what a lead may become (A23)."""

from datetime import date, timedelta
from enum import StrEnum

from shared.lifecycle import Lifecycle, Step
from shared.security.identity import Role


class Owed(StrEnum):
    """What a plan owes again and again."""

    DRILL = "DRILL"
    REVIEW = "REVIEW"


def due_on(last: date, *, days: int) -> date:
    """The last day on which the next one is in time; days of the calendar."""
    return last + timedelta(days=days)


class LeadState(StrEnum):
    OPEN = "OPEN"
    REFERRED = "REFERRED"
    CLOSED = "CLOSED"


class LeadAction(StrEnum):
    ADD_EVIDENCE = "ADD_EVIDENCE"
    REFER = "REFER"
    CLOSE = "CLOSE"


class LeadType(StrEnum):
    """The three grounds of A26, in their order."""

    FAILURE_OF_DUTY = "FAILURE_OF_DUTY"
    DATA_ABUSE = "DATA_ABUSE"
    PRIVATE_PROFIT = "PRIVATE_PROFIT"


_BY = frozenset({Role.PROVINCE})
LEAD = Lifecycle(
    name="lead",
    initial=LeadState.OPEN,
    steps=(
        Step(LeadAction.ADD_EVIDENCE, {LeadState.OPEN}, LeadState.OPEN, _BY, clause="A26"),
        Step(LeadAction.REFER, {LeadState.OPEN}, LeadState.REFERRED, _BY, clause="A26"),
        Step(
            LeadAction.CLOSE,
            {LeadState.OPEN, LeadState.REFERRED},
            LeadState.CLOSED,
            _BY,
            clause="A26",
        ),
    ),
    terminal={LeadState.CLOSED},
)
