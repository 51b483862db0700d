"""The facts that filing tells: what was filed, confirmed and decided, and what is still owed."""

from datetime import date, datetime
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


class FilingEndorsed(Event, type="filing.endorsed.v1"):
    """Aggregate `filing:<id>`: one approval of several that its type needs (F6)."""

    filing_id: UUID
    filing_type: str
    given: int
    needed: int


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


class FilingAppealed(Event, type="filing.appealed.v1"):
    """Aggregate `filing:<id>`: another reviewer is asked about a decision (C2)."""

    filing_id: UUID
    filing_type: str
    appeal_id: UUID
    against: str
    due_at: datetime | None


class AppealDecided(Event, type="filing.appeal_decided.v1"):
    """Aggregate `filing:<id>`: the decision was UPHELD, or REVERSED and is made again (C2)."""

    filing_id: UUID
    appeal_id: UUID
    outcome: str
    clause: str


class AppealWithdrawn(Event, type="filing.appeal_withdrawn.v1"):
    """Aggregate `filing:<id>`: the filer took the appeal back."""

    filing_id: UUID
    appeal_id: UUID


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


class FilingApproved(Event, type="filing.approved.v1"):
    """Aggregate `filing:<id>`: a written application was granted (书面申请, A5.1, A15.2)."""

    filing_id: UUID
    filing_type: str
    organisation_id: str
    digest: str
    approved_at: datetime


class FilingRejected(Event, type="filing.rejected.v1"):
    """Aggregate `filing:<id>`: a written application was rejected (书面申请, A5.1, A15.2)."""

    filing_id: UUID
    filing_type: str
    organisation_id: str
    clause: str


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
    """Aggregate `obligation:<id>`: something is owed by a date (A11.5, A16.4, A12.3).

    `subject` names what is owed where no earlier filing does.
    """

    obligation_id: UUID
    kind: str
    organisation_id: str
    filing_id: UUID | None
    subject: str | None = None
    due_at: datetime
    provisional: bool
    clause: str


class ObligationFulfilled(Event, type="filing.obligation_fulfilled.v1"):
    """Aggregate `obligation:<id>`; `late` stays true for ever when it was (F8)."""

    obligation_id: UUID
    fulfilled_by: UUID | None
    fulfilled_at: datetime
    late: bool


class ObligationBreached(Event, type="filing.obligation_breached.v1"):
    """Aggregate `obligation:<id>`: permanent and dated; later fulfilment does not erase it (F8)."""

    obligation_id: UUID
    kind: str
    organisation_id: str
    filing_id: UUID | None
    subject: str | None = None
    due_at: datetime
    breached_at: datetime


class ObligationReopened(Event, type="filing.obligation_reopened.v1"):
    """Aggregate `obligation:<id>`: the document that had paid it lapsed uncorrected (A12.3).

    It is owed by the date that it always had; `late` and its breach stay as they were (F8).
    """

    obligation_id: UUID
    kind: str
    organisation_id: str
    subject: str | None
    lapsed_filing_id: UUID
    due_at: datetime
    provisional: bool
    late: bool


class UnitPost(BaseModel):
    """A post of a unit in one domain (A12.2, A17.1)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organisation_id: str
    domain: str
    post: str


class Addressee(UnitPost):
    """A held post, and the id under which catalog knows who holds it."""

    person_id: UUID


class ObligationReminded(Event, type="filing.obligation_reminded.v1"):
    """Aggregate `obligation:<id>`: a rung of its ladder before its due date, once (K4).

    It is for a post of `level`; an empty one is `skipped` and it climbs. `to` is null when nobody
    holds any post up to the province's.
    """

    obligation_id: UUID
    organisation_id: str
    rung: str
    due_at: datetime
    level: str
    to: Addressee | None
    skipped: list[UnitPost]


class ObligationEscalated(Event, type="filing.obligation_escalated.v1"):
    """Aggregate `obligation:<id>`: a rung of its ladder after its due date, once (K4).

    Addressed as a reminder is, to a higher post.
    """

    obligation_id: UUID
    organisation_id: str
    rung: str
    due_at: datetime
    level: str
    to: Addressee | None
    skipped: list[UnitPost]


class DueDateRecomputed(Event, type="filing.due_date_recomputed.v1"):
    """Aggregate `obligation:<id>` or `filing:<id>`: the calendar was imported (F4)."""

    record_id: UUID
    previous_due_at: datetime
    due_at: datetime
    provisional: bool
    calendar_version: str


class PolicyChanged(Event, type="filing.policy_changed.v1"):
    """Aggregate `policy:<key>`: a limit was confirmed; running clocks tell their new dates."""

    key: str
    version: int
    value: str
    unit: str
    basis: str
    clause: str
    effective_from: date


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


class SubhallRetained(Event, type="filing.subhall_retained.v1"):
    """Aggregate `hall:<id>`: a hall stays beside the merged ones up to a day (A5.5)."""

    filing_id: UUID
    hall_id: str
    organisation_id: str
    since: date
    until: date


class ChannelExceptionGranted(Event, type="filing.channel_exception_granted.v1"):
    """Aggregate `filing:<id>`: an independent channel may be there up to a day, flagged (A5.1)."""

    filing_id: UUID
    channel_name: str
    channel_kind: str
    organisation_id: str
    until: date


class PartnerApproved(Event, type="filing.partner_approved.v1"):
    """Aggregate `partner:<id>`: its written application was approved; it is active (A15.2).

    `partner_id` is the partner's organisation id in catalog's register.
    """

    filing_id: UUID
    partner_id: str
    organisation_id: str
    uscc: str
    supervising_organisation: str
    data_scope: list[str]
    valid_until: date
    approved_at: datetime


class PartnerForcedOut(Event, type="filing.partner_forced_out.v1"):
    """Aggregate `partner:<id>`: the province's one decision ends all of it (A15.5).

    Catalog takes its listings off, the gateway refuses its API clients, filing its filings.
    """

    filing_id: UUID
    partner_id: str
    organisation_id: str
    cause: str
    decided_at: datetime


class ClearanceRecorded(Event, type="filing.clearance_recorded.v1"):
    """Aggregate `clearance:<subject_ref>`: a background check was passed (A21.3).

    `subject_ref` is a person's or an API client's opaque id (a token's `sub`); told again when
    renewed, and the latest holds. Valid from the first to the last named day, both included.
    """

    filing_id: UUID
    organisation_id: str
    subject_ref: str
    role: str
    valid_from: date
    valid_until: date


class ClearanceRevoked(Event, type="filing.clearance_revoked.v1"):
    """Aggregate `clearance:<subject_ref>`: it holds no more, revoked or run out (A21.3)."""

    subject_ref: str
    organisation_id: str
    reason: str


class WindowPlanned(Event, type="filing.window_planned.v1"):
    """Aggregate `window:<id>`: an accepted upgrade or major event (A16.3, F7).

    Told again when an accepted filing changes it. `listing_ids` empty means all of the
    organisation's; `change` counts its versions from 1; `short_notice` says that it was filed later
    than the lead time asks, which is recorded against the unit.
    """

    window_id: UUID
    filing_id: UUID
    filing_type: str
    kind: str
    organisation_id: str
    listing_ids: list[UUID]
    starts_at: datetime
    ends_at: datetime
    impact: str
    change: int
    filed_at: datetime
    short_notice: bool


class WindowCancelled(Event, type="filing.window_cancelled.v1"):
    """Aggregate `window:<id>`: it will not take place (A16.3, F7)."""

    window_id: UUID
    filing_id: UUID
    organisation_id: str


class WindowEnded(Event, type="filing.window_ended.v1"):
    """Aggregate `window:<id>`: it ended before its time (A16.3, F7)."""

    window_id: UUID
    filing_id: UUID
    organisation_id: str
    ended_at: datetime


class IncidentReported(Event, type="filing.incident_reported.v1"):
    """Aggregate `incident:<id>`: a fault was reported, first or finally (A16.4).

    `late` says that the report's own clock, counted from detection, was over.
    """

    incident_id: UUID
    filing_id: UUID
    organisation_id: str
    stage: str
    severity: str
    listing_ids: list[UUID]
    started_at: datetime
    detected_at: datetime
    reported_at: datetime
    resolved_at: datetime | None = None
    late: bool


class DocumentFiled(Event, type="filing.document_filed.v1"):
    """Aggregate `filing:<id>`: an artefact is there, for a period of its kind if it recurs."""

    filing_id: UUID
    kind: str
    organisation_id: str
    period: str | None
    accepted_at: datetime
