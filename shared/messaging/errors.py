"""What may be refused about dead letters."""

from shared.errors import Conflict, NotFound


class DeadLetterNotFound(NotFound):
    code = "dead_letter_not_found"


class DeadLetterResolved(Conflict):
    """It was redriven or discarded before."""

    code = "dead_letter_resolved"


class DeadLetterBehind(Conflict):
    """An earlier event of the same aggregate is parked; that one is to be settled first."""

    code = "dead_letter_behind"


class DeadLetterBeforeItsTurn(Conflict):
    """Events between the last applied and this one have not arrived."""

    code = "dead_letter_before_its_turn"


class RedriveFailed(Conflict):
    """The handler refused the event again."""

    code = "redrive_failed"
