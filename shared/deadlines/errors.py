"""What a clock refuses."""

from shared.errors import Conflict, Forbidden, Invalid


class ClockAlreadyStarted(Conflict):
    code = "clock_already_started"


class ClockNotRunning(Conflict):
    """The clock was not started, or has stopped."""

    code = "clock_not_running"


class ClockAlreadyPaused(Conflict):
    code = "clock_already_paused"


class ClockNotPaused(Conflict):
    code = "clock_not_paused"


class NothingLeftToPause(Conflict):
    """The time is used up: a pause would only hide that it is late."""

    code = "nothing_left_to_pause"


class ClockEntryOutOfOrder(Conflict):
    """Nothing is entered before the last entry: a ledger is not corrected backwards."""

    code = "clock_entry_out_of_order"


class ClockReasonMissing(Invalid):
    code = "clock_reason_missing"


class AlreadyExtended(Conflict):
    code = "already_extended"


class ExtensionAfterExpiry(Conflict):
    code = "extension_after_expiry"


class ExtensionWithoutApprover(Invalid):
    code = "extension_without_approver"


class ExtensionByAsker(Forbidden):
    """Who asks for more time does not grant it."""

    code = "extension_by_asker"


class ExtensionNotPositive(Invalid):
    code = "extension_not_positive"


class LimitUnitMismatch(Conflict):
    """An extension granted in one unit has no meaning under a limit in another."""

    code = "limit_unit_mismatch"
