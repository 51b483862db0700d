"""Incident reports: which clock runs from detection, and what a report must say (A16.4)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from services.filing.rules.content import Flaw


class Severity(StrEnum):
    """特别重大, 重大, 较大, 一般."""

    SPECIAL_MAJOR = "SPECIAL_MAJOR"
    MAJOR = "MAJOR"
    LARGER = "LARGER"
    GENERAL = "GENERAL"


FIRST, FINAL = "FIRST", "FINAL"
FIRST_REPORT: Mapping[str, str] = MappingProxyType(
    {severity: f"first_report_{severity.lower()}" for severity in Severity}
)
_OF_THE_END: Final = ("incident_id", "resolved_at", "cause", "improvement")


def incident_flaws(
    content: Mapping[str, Any], *, now: datetime, unknown: Sequence[int]
) -> Iterable[Flaw]:
    """The final report names the first one and how it ended; times follow one another."""
    final = content["stage"] == FINAL
    for name in _OF_THE_END:
        if (content[name] is not None) is not final:
            yield Flaw("member_not_for_step", f"/content/{name}", "A16.4")
    for place in unknown:
        yield Flaw("listing_not_yours", f"/content/listing_ids/{place}", "A16.4")
    started_at, detected_at = (
        datetime.fromisoformat(content[name]) for name in ("started_at", "detected_at")
    )
    if not started_at <= detected_at <= now:
        yield Flaw("incident_times", "/content/detected_at", "A16.4")
    if content["resolved_at"] is not None:
        resolved_at = datetime.fromisoformat(content["resolved_at"])
        if not started_at <= resolved_at <= now:
            yield Flaw("incident_times", "/content/resolved_at", "A16.4")
