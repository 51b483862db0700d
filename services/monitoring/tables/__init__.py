"""The tables of schema `monitoring`."""

from services.monitoring.tables.emergency import (
    AccountabilityLead,
    Drill,
    EmergencyPlan,
    EmergencyPlanVersion,
    PlanActivation,
)
from services.monitoring.tables.findings import (
    Finding,
    FindingClock,
    FindingClockEntry,
    FindingEntry,
)
from services.monitoring.tables.incidents import Incident, IncidentEntry
from services.monitoring.tables.inspections import InspectionPlan, InspectionRun
from services.monitoring.tables.known import (
    KnownListing,
    KnownOrganisation,
    KnownPerson,
    KnownWindow,
)
from services.monitoring.tables.mapping import metadata
from services.monitoring.tables.probes import (
    LAST_WATCHED,
    Advisory,
    Probe,
    ProbeParent,
    ProbeStanding,
    Replica,
    SampleHour,
    ShardLease,
    StateChange,
    VantageStanding,
    samples,
)
from services.monitoring.tables.responding import (
    IncidentClock,
    IncidentClockEntry,
    KnownNotice,
)
from services.monitoring.tables.reviews import Bulletin, Review
from services.monitoring.tables.supervision import SupervisionCheck, SupervisionSample
from services.monitoring.tables.walks import WalkRun
from services.monitoring.tables.windows import AvailabilityCorrection, SuppressedAlert

__all__ = [
    "LAST_WATCHED",
    "AccountabilityLead",
    "Advisory",
    "AvailabilityCorrection",
    "Bulletin",
    "Drill",
    "EmergencyPlan",
    "EmergencyPlanVersion",
    "Finding",
    "FindingClock",
    "FindingClockEntry",
    "FindingEntry",
    "Incident",
    "IncidentClock",
    "IncidentClockEntry",
    "IncidentEntry",
    "InspectionPlan",
    "InspectionRun",
    "KnownListing",
    "KnownNotice",
    "KnownOrganisation",
    "KnownPerson",
    "KnownWindow",
    "PlanActivation",
    "Probe",
    "ProbeParent",
    "ProbeStanding",
    "Replica",
    "Review",
    "SampleHour",
    "ShardLease",
    "StateChange",
    "SupervisionCheck",
    "SupervisionSample",
    "SuppressedAlert",
    "VantageStanding",
    "WalkRun",
    "metadata",
    "samples",
]
