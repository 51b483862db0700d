"""What is refused about a filing and its thread."""

from shared.errors import Conflict, Invalid, NotFound


class FilingNotFound(NotFound):
    code = "filing_not_found"


class FilingPending(Conflict):
    code = "filing_pending"


class OppositeFilingPending(Conflict):
    code = "opposite_filing_pending"


class NothingFiled(Conflict):
    """A draft was never sent, so there is nothing to give a receipt for."""

    code = "nothing_filed"


class ClauseUnknown(Invalid):
    """Neither a clause of the measures nor one that the norm in force lists (A10.1, C2)."""

    code = "clause_unknown"


class DecisionIncomplete(Invalid):
    """A return, refusal or rejection names clause, reason and evidence (C2)."""

    code = "decision_incomplete"


class DueDatesTooMany(Invalid):
    code = "due_dates_too_many"


class AlreadyConfirmed(Conflict):
    code = "already_confirmed"
