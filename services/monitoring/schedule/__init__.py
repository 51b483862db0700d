"""Door 3: what the clock causes: findings, days of samples, and the probes themselves."""

from datetime import timedelta

from services.monitoring.commands.electronic import find_unpassed
from services.monitoring.commands.emergency import chase_plans
from services.monitoring.commands.finding_sweep import sweep_rectifications
from services.monitoring.commands.findings import raise_missing_probes
from services.monitoring.commands.grading import grade_by_duration
from services.monitoring.commands.hours import drop_hours
from services.monitoring.commands.incidents import open_overruns
from services.monitoring.commands.inspections import find_missed_runs
from services.monitoring.commands.limits import limits_now
from services.monitoring.commands.report_clocks import sweep_report_clocks
from services.monitoring.commands.results import keep_days
from services.monitoring.commands.retests import retest_submitted
from services.monitoring.commands.reviews import find_missing_reviews
from services.monitoring.commands.walks import drop_runs
from shared.database import Transaction
from shared.scheduling import Every


async def turn_days(tx: Transaction) -> None:
    """Tomorrow's partition is there before it is needed; the oldest go by policy."""
    limits = await limits_now(tx)
    kept = timedelta(days=limits.kept_days)
    days = {tx.now + timedelta(days=ahead) for ahead in (0, 1, 2)}
    await keep_days(tx, days, oldest=tx.now - kept)
    await drop_hours(tx, before=tx.now - timedelta(days=limits.hours_days))
    await drop_runs(tx, before=tx.now - timedelta(days=limits.walk_runs_days))


SCHEDULE = (
    Every(2.0, raise_missing_probes),
    Every(1.0, open_overruns),
    Every(1.0, sweep_report_clocks),
    Every(2.0, grade_by_duration),
    Every(2.0, retest_submitted),
    Every(2.0, sweep_rectifications),
    Every(60.0, find_missed_runs),
    Every(60.0, find_unpassed),
    Every(600.0, find_missing_reviews),
    Every(600.0, turn_days),
    Every(600.0, chase_plans),
)
