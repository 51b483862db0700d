"""What is refused about an emergency delisting and its oral report."""

from services.filing.errors.content import ContentRefused
from shared.errors import Conflict, NotFound


class OralReportNotFound(NotFound):
    code = "oral_report_not_found"


class EmergencyDelistingNotFound(NotFound):
    code = "emergency_delisting_not_found"


class EmergencyAlreadyOrdered(Conflict):
    code = "emergency_already_ordered"


class EmergencyOrderMissing(Conflict):
    code = "emergency_order_missing"


class OralReportUsed(Conflict):
    code = "oral_report_used"


class OralReportMissing(ContentRefused):
    code = "oral_report_missing"


class OralReportInFuture(ContentRefused):
    code = "oral_report_in_future"


class OralReportTooOld(ContentRefused):
    code = "oral_report_too_old"


class OralReportScopeMismatch(ContentRefused):
    code = "oral_report_scope_mismatch"
