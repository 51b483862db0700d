"""What is refused about the term of a channel or a hall."""

from services.filing.errors.content import ContentRefused
from shared.errors import Conflict


class TermBackwards(ContentRefused):
    code = "term_backwards"


class TermOver(ContentRefused):
    code = "term_over"


class TermTooLong(ContentRefused):
    code = "term_too_long"


class TermOverlaps(Conflict):
    """Another accepted filing holds a day of the term already (A5.5)."""

    code = "term_overlaps"
