"""The tables of schema `monitoring`."""

from services.monitoring.tables.incidents import Finding, Incident, IncidentEntry
from services.monitoring.tables.known import KnownListing, KnownWindow
from services.monitoring.tables.mapping import metadata
from services.monitoring.tables.probes import (
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
from services.monitoring.tables.walks import WalkRun

__all__ = [
    "Advisory",
    "Finding",
    "Incident",
    "IncidentEntry",
    "KnownListing",
    "KnownWindow",
    "Probe",
    "ProbeParent",
    "ProbeStanding",
    "Replica",
    "SampleHour",
    "ShardLease",
    "StateChange",
    "VantageStanding",
    "WalkRun",
    "metadata",
    "samples",
]
