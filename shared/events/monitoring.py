"""The facts that monitoring tells: what is probed, and the incidents and findings that follow."""

from datetime import date, datetime
from uuid import UUID

from shared.events.envelope import Event
from shared.events.filing import Addressee, UnitPost


class ProbeSet(Event, type="monitoring.probe_set.v1"):
    """Aggregate `probe:<id>`: a probe of a listing begins or changes, by event or owner (A17.3)."""

    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    interval_seconds: int
    running: bool
    version: int


class IncidentOpened(Event, type="monitoring.incident_opened.v1"):
    """Aggregate `incident:<id>`: a fault that lasted; told once however often it fails (A17.4).

    `cause` is a code of the prober, or `conditions` when an answer came and was not as it should.
    `window_id` and its `filing_id` name a filed window that the fault has outlasted (A16.3).
    With `parent_incident_id` it is explained by that incident, and no alert of its own (M6).
    """

    incident_id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    cause: str
    started_at: datetime
    opened_at: datetime
    window_id: UUID | None = None
    filing_id: UUID | None = None
    parent_incident_id: UUID | None = None


class IncidentReopened(Event, type="monitoring.incident_reopened.v1"):
    """Aggregate `incident:<id>`: the same fault came back within the hold time."""

    incident_id: UUID
    listing_id: UUID
    organisation_id: str
    cause: str
    started_at: datetime
    times: int
    parent_incident_id: UUID | None = None


class IncidentDetached(Event, type="monitoring.incident_detached.v1"):
    """Aggregate `incident:<id>`: what explained it has passed and it has not: an alert now (M6)."""

    incident_id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    cause: str
    started_at: datetime
    detached_at: datetime


class IncidentClosed(Event, type="monitoring.incident_closed.v1"):
    """Aggregate `incident:<id>`: it passes again, or is no longer listed (`reason`)."""

    incident_id: UUID
    listing_id: UUID
    organisation_id: str
    reason: str
    closed_at: datetime


class IncidentRecorded(Event, type="monitoring.incident_recorded.v1"):
    """Aggregate `incident:<id>`: a unit told of a fault or a security incident itself (A16.4).

    Without `listing_id` it is one of the unit as a whole.
    """

    incident_id: UUID
    kind: str
    organisation_id: str
    listing_id: UUID | None
    recorded_by: str
    started_at: datetime
    detected_at: datetime
    recorded_at: datetime


class IncidentGraded(Event, type="monitoring.incident_graded.v1"):
    """Aggregate `incident:<id>`: how grave it is was set, by hand, matrix or duration (A16.4).

    MAJOR and SPECIAL_MAJOR are reported at once and announced: filing drafts the report.
    """

    incident_id: UUID
    kind: str
    organisation_id: str
    listing_id: UUID | None
    severity: str
    previous: str
    started_at: datetime
    detected_at: datetime
    graded_at: datetime


class IncidentAcknowledged(Event, type="monitoring.incident_acknowledged.v1"):
    """Aggregate `incident:<id>`: a unit answers for it from now on (A17.5)."""

    incident_id: UUID
    organisation_id: str
    acknowledged_by: str
    acknowledged_at: datetime


class IncidentReportReminded(Event, type="monitoring.incident_report_reminded.v1"):
    """Aggregate `incident:<id>`: a report about it is due soon; each rung is told once (A16.4)."""

    incident_id: UUID
    organisation_id: str
    report: str
    rung: str
    due_at: datetime


class IncidentReportOverdue(Event, type="monitoring.incident_report_overdue.v1"):
    """Aggregate `incident:<id>`: a report about it was not there in time; told once (A16.4)."""

    incident_id: UUID
    organisation_id: str
    report: str
    due_at: datetime


class IncidentSettled(Event, type="monitoring.incident_settled.v1"):
    """Aggregate `incident:<id>`: it closed, and how long it took from its detection on (A17.5).

    Told again when it comes back and closes again; the latest holds.
    """

    incident_id: UUID
    kind: str
    organisation_id: str
    listing_id: UUID | None
    severity: str
    detected_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime
    closed_at: datetime
    seconds_to_acknowledge: float | None
    seconds_to_resolve: float | None
    notice_id: UUID | None


class AlertSuppressed(Event, type="monitoring.alert_suppressed.v1"):
    """Aggregate `alert:<id>`: a fault within a filed window; it is seen and alerts nobody (A16.3).

    Should it outlast the window, the incident that opens has this id.
    """

    alert_id: UUID
    window_id: UUID
    filing_id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    cause: str
    started_at: datetime
    suppressed_at: datetime


class AvailabilityCorrected(Event, type="monitoring.availability_corrected.v1"):
    """Aggregate `probe:<id>`: a filing re-classed time that had passed (A16.3).

    Positive seconds became maintenance, negative ones the unit's own again; the raw figure of the
    period stays as it was.
    """

    correction_id: UUID
    window_id: UUID
    filing_id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    since: datetime
    until: datetime
    down_seconds: float
    up_seconds: float


class EmergencyPlanAdopted(Event, type="monitoring.emergency_plan_adopted.v1"):
    """Aggregate `plan:<id>`: a version of a unit's emergency plan; told for each (A23.1)."""

    plan_id: UUID
    organisation_id: str
    number: int
    covers: str
    adopted_on: date
    review_due_on: date
    drill_due_on: date


class DrillHeld(Event, type="monitoring.drill_held.v1"):
    """Aggregate `plan:<id>`: the plan was practised; `late` when its day had passed (A23.2)."""

    drill_id: UUID
    plan_id: UUID
    organisation_id: str
    held_on: date
    result: str
    late: bool


class EmergencyPlanOverdue(Event, type="monitoring.emergency_plan_overdue.v1"):
    """Aggregate `plan:<id>`: its DRILL or REVIEW was not there in time; told once (A23.2)."""

    plan_id: UUID
    organisation_id: str
    owed: str
    due_on: date


class EmergencyPlanPrompted(Event, type="monitoring.emergency_plan_prompted.v1"):
    """Aggregate `incident:<id>`: a major security incident asks for one of these plans (A23.3).

    Empty `plan_ids` say that the unit has none.
    """

    incident_id: UUID
    organisation_id: str
    plan_ids: list[UUID]


class EmergencyPlanActivated(Event, type="monitoring.emergency_plan_activated.v1"):
    """Aggregate `plan:<id>`: it was started for an incident, so long after detection (A23.3)."""

    activation_id: UUID
    plan_id: UUID
    incident_id: UUID
    organisation_id: str
    activated_at: datetime
    latency_seconds: float


class FindingRaised(Event, type="monitoring.finding_raised.v1"):
    """Aggregate `finding:<id>`: something that a unit has to put right (A16.2, A24.2).

    `origin` is its source and `source_id` the source's own id of it; `listing_id` is null where it
    is about the unit as a whole.
    """

    finding_id: UUID
    kind: str
    listing_id: UUID | None
    organisation_id: str
    raised_at: datetime
    origin: str = "RULE"
    source_id: str | None = None
    severity: str = "NORMAL"
    clause: str | None = None


class FindingClosed(Event, type="monitoring.finding_closed.v1"):
    """Aggregate `finding:<id>`: it is put right, was never ordered and has gone, or has lapsed.

    `reason` is RETESTED, EVIDENCE, RESOLVED or UNLISTED.
    """

    finding_id: UUID
    kind: str
    listing_id: UUID | None
    organisation_id: str
    closed_at: datetime
    reason: str = "RETESTED"


class RectificationOrdered(Event, type="monitoring.rectification_ordered.v1"):
    """Aggregate `finding:<id>`: a unit is to put it right by a date (A14.3, A16.2, A24.2)."""

    finding_id: UUID
    kind: str
    listing_id: UUID | None
    organisation_id: str
    ordering_organisation: str
    origin: str
    source_id: str | None
    severity: str
    due_at: datetime
    provisional: bool


class RectificationSubmitted(Event, type="monitoring.rectification_submitted.v1"):
    """Aggregate `finding:<id>`: the unit says that it is put right, for the n-th time (A14.3)."""

    finding_id: UUID
    organisation_id: str
    round: int
    submitted_at: datetime
    late: bool


class RectificationVerified(Event, type="monitoring.rectification_verified.v1"):
    """Aggregate `finding:<id>`: its re-test passed, or a second person read the evidence (M9)."""

    finding_id: UUID
    organisation_id: str
    round: int
    by_retest: bool


class RectificationReopened(Event, type="monitoring.rectification_reopened.v1"):
    """Aggregate `finding:<id>`: its re-test failed, or the evidence does not show it (A24.2)."""

    finding_id: UUID
    organisation_id: str
    round: int
    by_retest: bool
    due_at: datetime | None


class RectificationClosed(Event, type="monitoring.rectification_closed.v1"):
    """Aggregate `finding:<id>`: an order is over; `late` stays true for ever when it was."""

    finding_id: UUID
    organisation_id: str
    origin: str
    source_id: str | None
    round: int
    by_retest: bool
    late: bool
    closed_at: datetime


class RectificationOverdue(Event, type="monitoring.rectification_overdue.v1"):
    """Aggregate `finding:<id>`: permanent and dated; later rectification does not erase it."""

    finding_id: UUID
    organisation_id: str
    due_at: datetime
    overdue_at: datetime


class RectificationExtended(Event, type="monitoring.rectification_extended.v1"):
    """Aggregate `finding:<id>`: more time, once, granted by a named person."""

    finding_id: UUID
    organisation_id: str
    previous_due_at: datetime
    due_at: datetime


class RectificationReminded(Event, type="monitoring.rectification_reminded.v1"):
    """Aggregate `finding:<id>`: a rung of its ladder before its due date, once.

    It is for a post of `level`; an empty one is `skipped` and it climbs. `to` is null when nobody
    holds any post up to the province's.
    """

    finding_id: UUID
    organisation_id: str
    rung: str
    due_at: datetime
    level: str
    to: Addressee | None
    skipped: list[UnitPost]


class RectificationEscalated(Event, type="monitoring.rectification_escalated.v1"):
    """Aggregate `finding:<id>`: a rung of its ladder after its due date, once."""

    finding_id: UUID
    organisation_id: str
    rung: str
    due_at: datetime
    level: str
    to: Addressee | None
    skipped: list[UnitPost]


class RectificationDueDateRecomputed(Event, type="monitoring.rectification_due_date_recomputed.v1"):
    """Aggregate `finding:<id>`: a year's working days were imported (F4)."""

    finding_id: UUID
    organisation_id: str
    previous_due_at: datetime
    due_at: datetime
    provisional: bool


class InspectionPlanIssued(Event, type="monitoring.inspection_plan_issued.v1"):
    """Aggregate `inspection_plan:<id>`: units are to inspect so many items so often (A16.1)."""

    plan_id: UUID
    frequency: str
    unit_kinds: list[str]
    units: list[str]
    items: int


class InspectionPlanEnded(Event, type="monitoring.inspection_plan_ended.v1"):
    """Aggregate `inspection_plan:<id>`: nothing is owed to it from now on."""

    plan_id: UUID
    ended_at: datetime


class InspectionCarriedOut(Event, type="monitoring.inspection_carried_out.v1"):
    """Aggregate `inspection_run:<id>`: a unit has inspected in a period of its plan (A17.2)."""

    run_id: UUID
    plan_id: UUID
    organisation_id: str
    period: str
    items: int
    failed: int


class SampleDrawn(Event, type="monitoring.sample_drawn.v1"):
    """Aggregate `sample:<id>`: listed services were drawn to be checked (A24.1).

    Whoever has the population draws the same; which were drawn is not told beforehand.
    """

    sample_id: UUID
    organisation_id: str
    seed: str
    drawn_on: date
    algorithm: str
    algorithm_version: int
    population: int
    population_digest: str
    drawn: int


class SupervisionChecked(Event, type="monitoring.supervision_checked.v1"):
    """Aggregate `supervision_check:<id>`: a listed service was checked (A24.1)."""

    check_id: UUID
    sample_id: UUID | None
    listing_id: UUID
    organisation_id: str
    method: str
    passed: bool
    walk_run_id: UUID | None
    finding_id: UUID | None


class ReviewRecorded(Event, type="monitoring.review_recorded.v1"):
    """Aggregate `review:<id>`: a unit looked into itself, or its security was (A14.2, A20.3)."""

    review_id: UUID
    kind: str
    organisation_id: str
    period: str
    issues: int


class BulletinPublished(Event, type="monitoring.bulletin_published.v1"):
    """Aggregate `bulletin:<id>`: what stood of a period, for the units that it names (A14.2)."""

    bulletin_id: UUID
    organisation_id: str
    period: str
    units: list[str]
    digest: str
