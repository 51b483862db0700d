"""The facts that monitoring tells: what is probed, and the incidents and findings that follow."""

from datetime import date, datetime
from uuid import UUID

from shared.events.envelope import Event


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
    """Aggregate `finding:<id>`: something that a unit has to put right (A17.3)."""

    finding_id: UUID
    kind: str
    listing_id: UUID
    organisation_id: str
    raised_at: datetime


class FindingClosed(Event, type="monitoring.finding_closed.v1"):
    """Aggregate `finding:<id>`: what it asked for was tested again and is there."""

    finding_id: UUID
    kind: str
    listing_id: UUID
    organisation_id: str
    closed_at: datetime
