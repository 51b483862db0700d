"""What is refused about an appeal."""

from shared.errors import Conflict, Forbidden, NotFound


class AppealNotFound(NotFound):
    code = "appeal_not_found"


class NothingToAppeal(Conflict):
    """Only a return, refusal or rejection that still stands can be appealed (C2)."""

    code = "nothing_to_appeal"


class AlreadyAppealed(Conflict):
    code = "already_appealed"


class AppealTooLate(Conflict):
    code = "appeal_too_late"


class AppealPending(Conflict):
    code = "appeal_pending"


class SameReviewer(Forbidden):
    """An appeal goes to another reviewer than the one who decided (C2)."""

    code = "same_reviewer"
