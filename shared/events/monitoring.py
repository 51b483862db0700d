"""The facts that monitoring tells: what is probed, and the incidents and findings that follow."""

from datetime import datetime
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
    With `parent_incident_id` it is explained by that incident, and no alert of its own (M6).
    """

    incident_id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    cause: str
    started_at: datetime
    opened_at: datetime
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
