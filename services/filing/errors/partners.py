"""What is refused about a partner and its application."""

from services.filing.errors.content import ContentRefused
from shared.errors import Conflict, Forbidden, NotFound


class PartnerNotFound(NotFound):
    code = "partner_not_found"


class UsccTaken(Conflict):
    """The code belongs to another partner."""

    code = "uscc_taken"


class PartnerNotActive(Forbidden):
    """A partner files nothing but its application until that is approved (A15.2)."""

    code = "partner_not_active"


class PartnerWasForcedOut(Forbidden):
    """After a forced exit nothing can be filed any more (A15.5)."""

    code = "partner_was_forced_out"


class UsccInvalid(ContentRefused):
    code = "uscc_invalid"


class QualificationOver(ContentRefused):
    code = "qualification_over"


class AgreementNotInForce(ContentRefused):
    code = "agreement_not_in_force"


class SupervisorUnknown(ContentRefused):
    code = "supervisor_unknown"
