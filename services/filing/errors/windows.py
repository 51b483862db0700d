"""What is refused about a maintenance window or an incident."""

from services.filing.errors.content import ContentRefused
from shared.errors import Conflict, NotFound


class WindowNotFound(NotFound):
    code = "window_not_found"


class WindowOver(Conflict):
    code = "window_over"


class WindowBackwards(ContentRefused):
    code = "window_backwards"


class WindowTooLong(ContentRefused):
    code = "window_too_long"


class WindowPast(ContentRefused):
    code = "window_past"


class WindowBegun(ContentRefused):
    code = "window_begun"


class WindowEndOutside(ContentRefused):
    code = "window_end_outside"


class IncidentNotFound(NotFound):
    code = "incident_not_found"


class IncidentTimes(ContentRefused):
    code = "incident_times"
