"""What is refused about a document that is due, and about a clearance."""

from services.filing.errors.content import ContentRefused
from shared.errors import Conflict, NotFound


class ClearanceNotFound(NotFound):
    code = "clearance_not_found"


class ClearanceEndedAlready(Conflict):
    code = "clearance_ended"


class DocumentNotForOrganisation(ContentRefused):
    code = "document_not_for_organisation"


class PartNotForDocument(ContentRefused):
    code = "part_not_for_document"


class PromotionChannelsMissing(ContentRefused):
    """A plan of promotion names the channels that it uses (A13)."""

    code = "promotion_channels_missing"


class PeriodWrong(ContentRefused):
    code = "period_wrong"


class NotSignedYet(ContentRefused):
    code = "not_signed_yet"
