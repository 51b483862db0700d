"""Every read of filing: selects, no writes; the rows that the caller may see, and no others."""

from services.filing.queries.appeals import list_appeals, show_appeal
from services.filing.queries.artefacts import (
    list_classified_fields,
    list_clearances,
    show_clearance,
)
from services.filing.queries.attachments import read_attachment, upload_limits
from services.filing.queries.authority import list_delegations, show_delegation
from services.filing.queries.filings import (
    FilingFilter,
    count_filings,
    list_filings,
    show_filing,
    view_of,
)
from services.filing.queries.lists import (
    list_confirmations,
    list_plan_lines,
)
from services.filing.queries.owed import (
    list_obligations,
    show_emergency,
    show_obligation,
    show_oral_report,
)
from services.filing.queries.partners import list_partners, show_partner
from services.filing.queries.queue import list_due_dates, list_queue
from services.filing.queries.types import Label, list_types, show_type
from services.filing.queries.windows import list_windows, show_window

__all__ = [
    "FilingFilter",
    "Label",
    "count_filings",
    "list_appeals",
    "list_classified_fields",
    "list_clearances",
    "list_confirmations",
    "list_delegations",
    "list_due_dates",
    "list_filings",
    "list_obligations",
    "list_partners",
    "list_plan_lines",
    "list_queue",
    "list_types",
    "list_windows",
    "read_attachment",
    "show_appeal",
    "show_clearance",
    "show_delegation",
    "show_emergency",
    "show_filing",
    "show_obligation",
    "show_oral_report",
    "show_partner",
    "show_type",
    "show_window",
    "upload_limits",
    "view_of",
]
