"""Filed windows as monitoring knows them, what they held back, and what they corrected (A16.3)."""

from typing import Any
from uuid import UUID

from services.monitoring.schemas.fields import ShanghaiTime, View, shown

_WINDOW = "0199f0a0-0000-7000-8000-0000000000b1"
_FILING = "0199f0a0-0000-7000-8000-0000000000b2"
_OF_A_PROBE: dict[str, Any] = {
    "window_id": _WINDOW,
    "filing_id": _FILING,
    "probe_id": "0199f0a0-0000-7000-8000-0000000000c1",
    "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
    "organisation_id": "jx-rst",
    "region": "36",
}


class KnownWindowView(View):
    """A window that an accepted filing opened; empty `listing_ids` means all of the unit's.

    `filing_id` is the filing that gave it its present shape. `late` says that the filing was
    accepted when the window had begun.
    """

    model_config = shown(
        {
            "id": _WINDOW,
            "filing_id": _FILING,
            "filing_type": "MAINTENANCE",
            "kind": "SYSTEM_UPGRADE",
            "organisation_id": "jx-rst",
            "region": "36",
            "listing_ids": [_OF_A_PROBE["listing_id"]],
            "impact": "UNAVAILABLE",
            "starts_at": "2026-03-14T00:00:00+08:00",
            "ends_at": "2026-03-14T06:00:00+08:00",
            "standing": "UPCOMING",
            "change": 1,
            "short_notice": False,
            "accepted_at": "2026-03-09T10:00:00+08:00",
            "late": False,
        }
    )

    id: UUID
    filing_id: UUID
    filing_type: str
    kind: str
    organisation_id: str
    region: str
    listing_ids: list[UUID]
    impact: str
    starts_at: ShanghaiTime
    ends_at: ShanghaiTime
    standing: str
    change: int
    short_notice: bool
    accepted_at: ShanghaiTime | None
    late: bool


class SuppressedAlertView(View):
    """A fault within a window, which alerted nobody; `outcome` is RECOVERED, OVERRUN or UNLISTED.

    An overrun is the incident of the same id. `times` counts returns within the hold time.
    """

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000e1",
            **_OF_A_PROBE,
            "cause": "conditions",
            "detail": "[STATUS] (503) < 400",
            "started_at": "2026-03-14T00:01:00+08:00",
            "suppressed_at": "2026-03-14T00:03:00+08:00",
            "times": 1,
            "ended_at": None,
            "outcome": None,
        }
    )

    id: UUID
    window_id: UUID
    filing_id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    cause: str
    detail: str | None
    started_at: ShanghaiTime
    suppressed_at: ShanghaiTime
    times: int
    ended_at: ShanghaiTime | None
    outcome: str | None


class CorrectionView(View):
    """Time that a filing re-classed after it had passed, in seconds; the raw figure stays.

    Positive seconds became maintenance, negative ones the unit's own again.
    """

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000b9",
            **_OF_A_PROBE,
            "since": "2026-03-14T00:00:00+08:00",
            "until": "2026-03-14T01:00:00+08:00",
            "down_seconds": 1800.0,
            "up_seconds": 1800.0,
            "corrected_at": "2026-03-14T01:00:00+08:00",
        }
    )

    id: UUID
    window_id: UUID
    filing_id: UUID
    probe_id: UUID
    listing_id: UUID
    organisation_id: str
    region: str
    since: ShanghaiTime
    until: ShanghaiTime
    down_seconds: float
    up_seconds: float
    corrected_at: ShanghaiTime
