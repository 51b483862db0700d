"""Results by the hour, and a listing by the test of government sites."""

from uuid import UUID

from services.monitoring.rules.hours import SiteVerdict
from services.monitoring.schemas.fields import ShanghaiTime, View, shown


class HourView(View):
    """One hour from one vantage point; times in milliseconds."""

    model_config = shown(
        {
            "hour": "2026-03-02T10:00:00+08:00",
            "vantage": "default",
            "visits": 60,
            "failed": 1,
            "mean": 84.2,
            "slowest": 812.0,
        }
    )

    hour: ShanghaiTime
    vantage: str
    visits: int
    failed: int
    mean: float
    slowest: float


class SiteTestView(View):
    """So many days of visits that are an hour apart; `short_days` had fewer than are asked for."""

    model_config = shown(
        {
            "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
            "since": "2026-02-23T10:00:00+08:00",
            "until": "2026-03-02T10:00:00+08:00",
            "verdict": "PASSED",
            "visits": 168,
            "failures": 2,
            "short_days": 0,
            "visits_a_day": 20,
            "limit_seconds": 15,
            "failing_share": 0.05,
        }
    )

    listing_id: UUID
    since: ShanghaiTime
    until: ShanghaiTime
    verdict: SiteVerdict
    visits: int
    failures: int
    short_days: int
    visits_a_day: int
    limit_seconds: int
    failing_share: float
