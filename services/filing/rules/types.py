"""Filing types as versioned data, and the policies that this service starts with."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from importlib.resources import files
from typing import Any, Protocol

from services.filing.errors import FilingTypeNotFound
from services.filing.rules.flows import Flow
from shared.policies import load_defaults, read_defaults

DEFAULTS = load_defaults(read_defaults("services.filing"))


class FilingKind(StrEnum):
    LISTING_PLAN = "LISTING_PLAN"
    LISTING = "LISTING"
    UPDATE = "UPDATE"
    DELIST = "DELIST"
    EMERGENCY_DELIST = "EMERGENCY_DELIST"
    SUBHALL_RETENTION = "SUBHALL_RETENTION"
    CHANNEL_EXCEPTION = "CHANNEL_EXCEPTION"
    PARTNER_APPLICATION = "PARTNER_APPLICATION"
    MAINTENANCE = "MAINTENANCE"
    MAJOR_EVENT = "MAJOR_EVENT"
    INCIDENT_REPORT = "INCIDENT_REPORT"
    DOCUMENT = "DOCUMENT"


class ClockKind(StrEnum):
    """What a clock waits for."""

    CONFIRMATION = "CONFIRMATION"
    REVIEW = "REVIEW"
    CORRECTION = "CORRECTION"
    APPEAL = "APPEAL"
    WRITTEN_FILING = "WRITTEN_FILING"
    FIRST_REPORT = "FIRST_REPORT"
    FINAL_REPORT = "FINAL_REPORT"
    DOCUMENT = "DOCUMENT"
    RENEWAL = "RENEWAL"
    RESPONSIBLE_PERSON = "RESPONSIBLE_PERSON"


@dataclass(frozen=True, slots=True)
class FilingType:
    """One version of one type: its flow by owner, its gates, and the policy of its review clock.

    `filers` are the kinds of organisation that may file it.
    """

    type: FilingKind
    version: int
    flow: Flow
    flow_local: Flow
    clause: str
    review: str
    filers: frozenset[str]
    needs_plan_line: bool
    needs_self_test: bool
    needs_live_listing: bool
    may_withdraw: bool
    effective_from: date

    def flow_for(self, *, local: bool) -> Flow:
        return self.flow_local if local else self.flow

    def may_flow(self, *flows: str) -> bool:
        """What is applied for is never merely filed, nor the other way round."""
        return len({flow == Flow.APPLY for flow in (self.flow, *flows)}) == 1


def read_type(row: dict[str, Any]) -> FilingType:
    """A type from its row; ValueError or TypeError when a member is missing, unknown or wrong."""
    return FilingType(
        **{
            **row,
            "type": FilingKind(row["type"]),
            "flow": Flow(row["flow"]),
            "flow_local": Flow(row["flow_local"]),
            "filers": frozenset(row["filers"]),
        }
    )


class IssuedRow(Protocol):
    """A version as it is stored: its day stands beside the rest, as JSON has no dates."""

    definition: Any
    effective_from: Any


def read_issued(row: IssuedRow) -> FilingType:
    return read_type({**row.definition, "effective_from": row.effective_from})


def load_types(toml: bytes) -> tuple[FilingType, ...]:
    return tuple(read_type(row) for row in tomllib.loads(toml.decode())["type"])


TYPES = load_types(files("services.filing").joinpath("types.toml").read_bytes())


def in_force(types: Iterable[FilingType], kind: str, day: date) -> FilingType:
    """The version in force on that day; `filing_type_not_found` (404)."""
    found = [t for t in types if t.type == kind and t.effective_from <= day]
    if not found:
        raise FilingTypeNotFound(filing_type=kind)
    return max(found, key=lambda t: (t.effective_from, t.version))


def version_of(types: Iterable[FilingType], kind: str, version: int) -> FilingType:
    """The version on which a filing runs, whatever has been issued since (F1)."""
    for each in types:
        if (each.type, each.version) == (kind, version):
            return each
    raise FilingTypeNotFound(filing_type=kind)


def receipt_number(year: int, number: int) -> str:
    """The number that people quote: GFT-2026-000123."""
    return f"GFT-{year}-{number:06d}"
