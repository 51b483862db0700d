"""The tables of schema `monitoring`."""

from services.monitoring.tables.emergency import (
    AccountabilityLead,
    Drill,
    EmergencyPlan,
    EmergencyPlanVersion,
    PlanActivation,
)
from services.monitoring.tables.incidents import Finding, Incident, IncidentEntry
from services.monitoring.tables.known import KnownListing, KnownWindow
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
from services.monitoring.tables.walks import WalkRun
from services.monitoring.tables.windows import AvailabilityCorrection, SuppressedAlert

__all__ = [
    "LAST_WATCHED",
    "AccountabilityLead",
    "Advisory",
    "AvailabilityCorrection",
    "Drill",
    "EmergencyPlan",
    "EmergencyPlanVersion",
    "Finding",
    "Incident",
    "IncidentClock",
    "IncidentClockEntry",
    "IncidentEntry",
    "KnownListing",
    "KnownNotice",
    "KnownWindow",
    "PlanActivation",
    "Probe",
    "ProbeParent",
    "ProbeStanding",
    "Replica",
    "SampleHour",
    "ShardLease",
    "StateChange",
    "SuppressedAlert",
    "VantageStanding",
    "WalkRun",
    "metadata",
    "samples",
]
