"""What is refused about the yearly list."""

from services.filing.errors.content import ContentRefused
from shared.errors import Invalid


class PlanRowsInvalid(Invalid):
    """`errors` names each row and column; nothing was stored."""

    code = "plan_rows_invalid"


class PlanUnreadable(Invalid):
    code = "plan_unreadable"


class PlanTooLong(Invalid):
    code = "plan_too_long"


class PlanLineMissing(ContentRefused):
    code = "plan_line_missing"
