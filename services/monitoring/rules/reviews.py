"""What units look into themselves, and security reviews: what is due when, and to whom. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.monitoring.rules.rectifications import FindingKind, Source


class ReviewKind(StrEnum):
    """自查自检, 安全检查, 风险评估."""

    SELF_INSPECTION = "SELF_INSPECTION"
    SECURITY_INSPECTION = "SECURITY_INSPECTION"
    RISK_ASSESSMENT = "RISK_ASSESSMENT"


@dataclass(frozen=True, slots=True)
class Recurring:
    """A review that each unit owes once a period: the policies say how often and how soon after."""

    missing: FindingKind
    period_policy: str
    due_policy: str
    source: Source


RECURRING: Final[Mapping[ReviewKind, Recurring]] = MappingProxyType(
    {
        ReviewKind.SELF_INSPECTION: Recurring(
            FindingKind.SELF_INSPECTION_MISSING,
            "self_inspection_period",
            "self_inspection_due",
            Source.INSPECTION,
        ),
        ReviewKind.RISK_ASSESSMENT: Recurring(
            FindingKind.RISK_ASSESSMENT_MISSING,
            "risk_assessment_period",
            "risk_assessment_due",
            Source.SECURITY,
        ),
    }
)
# Who looks into itself: departments, authorities below the province, and the operator (A14.2).
OWING: Final = frozenset(
    {"PROVINCIAL_DEPARTMENT", "CITY_AUTHORITY", "COUNTY_AUTHORITY", "OPERATOR"}
)


def is_security(kind: ReviewKind) -> bool:
    return kind is not ReviewKind.SELF_INSPECTION


def missing_id(kind: ReviewKind, unit: str, period: str) -> str:
    """Under which a missing review is a finding: once for each unit and period."""
    return f"missing:{kind}:{unit}:{period}"
