"""The tables of schema `filing`: what is filed, what is owed, and what catalog has told."""

from services.filing.tables.appeals import Appeal
from services.filing.tables.artefacts import ClassifiedFieldRow
from services.filing.tables.attachments import Citation, StoredAttachment
from services.filing.tables.authority import DELEGATORS, Delegation
from services.filing.tables.filings import (
    Confirmation,
    Filing,
    FilingTypeVersion,
    HistoryEntry,
    Line,
    Round,
    metadata,
)
from services.filing.tables.known import (
    KnownHall,
    KnownItem,
    KnownLiaison,
    KnownNorm,
    KnownOrganisation,
    KnownPerson,
    KnownZone,
    LiveListing,
)
from services.filing.tables.owed import (
    Clock,
    ClockEntry,
    EmergencyDelisting,
    LadderRung,
    Obligation,
    OralReport,
)
from services.filing.tables.partners import ForcedExit, Partner
from services.filing.tables.policies import PolicyProposal
from services.filing.tables.terms import GrantedTerm
from services.filing.tables.windows import Window

__all__ = [
    "DELEGATORS",
    "Appeal",
    "Citation",
    "ClassifiedFieldRow",
    "Clock",
    "ClockEntry",
    "Confirmation",
    "Delegation",
    "EmergencyDelisting",
    "Filing",
    "FilingTypeVersion",
    "ForcedExit",
    "GrantedTerm",
    "HistoryEntry",
    "KnownHall",
    "KnownItem",
    "KnownLiaison",
    "KnownNorm",
    "KnownOrganisation",
    "KnownPerson",
    "KnownZone",
    "LadderRung",
    "Line",
    "LiveListing",
    "Obligation",
    "OralReport",
    "Partner",
    "PolicyProposal",
    "Round",
    "StoredAttachment",
    "Window",
    "metadata",
]
