"""The facts that filing tells: what was filed, confirmed and decided, and what is still owed."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events.envelope import Event


class ListingContent(BaseModel):
    """What is filed, self-tested, confirmed and, byte for byte, goes live (C7).

    Its digest is SHA-256 (or SM3) over the RFC 8785 form of this document.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_code: str
    title: str
    summary: str
    kind: str
    organisation_id: str
    region: str
    hall_id: str
    zone_id: str | None = None
    audiences: list[str]
    channels: list[str]
    capabilities: list[str]
    entry_url: str
    complaint_url: str
    rating_url: str
    builder: str
    operations_contact: str
    identity_level: str
    data_scope: list[str] = []
    keywords: list[str] = []
    norm_version: str


class FilingSubmitted(Event, type="filing.submitted.v1"):
    """Aggregate `filing:<id>`: sent to the province, for the first time or again in the thread."""

    filing_id: UUID
    filing_type: str
    organisation_id: str
    listing_id: UUID | None
    item_code: str | None
    digest: str
    round: int
    due_at: datetime | None
    provisional: bool


class FilingConfirmed(Event, type="filing.confirmed.v1"):
    """Aggregate `filing:<id>`: one provincial department confirmed the filed version (A11.2)."""

    filing_id: UUID
    department: str
    digest: str
    complete: bool


class FilingRefused(Event, type="filing.refused.v1"):
    """Aggregate `filing:<id>`: a provincial department refused (A11.2)."""

    filing_id: UUID
    department: str
    clause: str


class FilingReturned(Event, type="filing.returned.v1"):
    """Aggregate `filing:<id>`: returned for correction, same thread (C2)."""

    filing_id: UUID
    filing_type: str
    clause: str
    round: int


class FilingWithdrawn(Event, type="filing.withdrawn.v1"):
    """Aggregate `filing:<id>`; `revoked_by` names the opposite filing, if one did it (F2)."""

    filing_id: UUID
    filing_type: str
    revoked_by: UUID | None = None


class FilingAccepted(Event, type="filing.accepted.v1"):
    """Aggregate `filing:<id>`: the province took note (报备 收悉, A11.1, A11.3).

    `content` is what goes live and `digest` what was filed, self-tested and confirmed: catalog
    compares them again (C7).
    """

    filing_id: UUID
    filing_type: str
    organisation_id: str
    listing_id: UUID | None
    item_code: str | None
    digest: str
    accepted_at: datetime
    goes_live_at: datetime | None = None
    confirmed_by: list[str] = []
    content: ListingContent | None = None


class PlanLinesAccepted(Event, type="filing.plan_lines_accepted.v1"):
    """Aggregate `filing:<id>`: a part of an accepted yearly list (A10.2); at most 200 lines.

    A later list of the same organisation and year replaces the earlier one: its first part (1 of
    `parts`) begins it.
    """

    filing_id: UUID
    organisation_id: str
    year: int
    item_codes: list[str]
    part: int = 1
    parts: int = 1


class EmergencyDelistingOrdered(Event, type="filing.emergency_delisting_ordered.v1"):
    """Aggregate `filing:<id>`: off at once, after an oral report (A11.4); a notice follows."""

    filing_id: UUID
    listing_id: UUID
    organisation_id: str
    oral_report_id: UUID
    reason_class: str
    ordered_at: datetime
    notice_text: str | None = None
    alternative_channel: str | None = None


class ObligationOpened(Event, type="filing.obligation_opened.v1"):
    """Aggregate `obligation:<id>`: something is owed by a date (A11.5)."""

    obligation_id: UUID
    kind: str
    organisation_id: str
    filing_id: UUID
    due_at: datetime
    provisional: bool
    clause: str


class ObligationFulfilled(Event, type="filing.obligation_fulfilled.v1"):
    """Aggregate `obligation:<id>`; `late` stays true for ever when it was (F8)."""

    obligation_id: UUID
    fulfilled_by: UUID
    fulfilled_at: datetime
    late: bool


class ObligationBreached(Event, type="filing.obligation_breached.v1"):
    """Aggregate `obligation:<id>`: permanent and dated; later fulfilment does not erase it (F8)."""

    obligation_id: UUID
    kind: str
    organisation_id: str
    filing_id: UUID
    due_at: datetime
    breached_at: datetime


class ObligationReminded(Event, type="filing.obligation_reminded.v1"):
    """Aggregate `obligation:<id>`: one rung of its ladder, once."""

    obligation_id: UUID
    rung: str
    due_at: datetime


class DueDateRecomputed(Event, type="filing.due_date_recomputed.v1"):
    """Aggregate `obligation:<id>` or `filing:<id>`: the calendar was imported (F4)."""

    record_id: UUID
    previous_due_at: datetime
    due_at: datetime
    provisional: bool
    calendar_version: str


class FilingReminded(Event, type="filing.reminded.v1"):
    """Aggregate `filing:<id>`: one rung of the ladder of what is waited for, once (F5)."""

    filing_id: UUID
    waiting_for: str
    rung: str
    due_at: datetime


class FilingOverdue(Event, type="filing.overdue.v1"):
    """Aggregate `filing:<id>`: an answer is late; silence decides nothing (A11.2)."""

    filing_id: UUID
    filing_type: str
    waiting_for: str
    departments: list[str] = []
    due_at: datetime


class FilingLapsed(Event, type="filing.lapsed.v1"):
    """Aggregate `filing:<id>`: returned or refused, and not corrected in time."""

    filing_id: UUID
    filing_type: str
