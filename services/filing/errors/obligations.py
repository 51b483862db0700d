"""What is refused about what is owed."""

from shared.errors import Conflict, NotFound


class ObligationNotFound(NotFound):
    code = "obligation_not_found"


class ObligationAlreadyFulfilled(Conflict):
    code = "obligation_already_fulfilled"


class WrittenFilingStays(Conflict):
    """A written filing that fulfilled an obligation is not withdrawn (F8)."""

    code = "written_filing_stays"
