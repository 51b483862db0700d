"""What is refused about a file that is cited or fetched."""

from services.filing.errors.content import ContentRefused
from shared.errors import NotFound


class AttachmentNotFound(NotFound):
    code = "attachment_not_found"


class AttachmentMissing(ContentRefused):
    """A cited file was never uploaded by who cites it, or has another size."""

    code = "attachment_missing"
