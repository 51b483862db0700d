"""Results summed up by the hour in the prober, and written once a minute (A17.3).

What a killed prober had not written yet is missing from its sums, never from the samples.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from services.monitoring.commands.results import Result
from services.monitoring.rules.hours import Hour, Visit, add
from shared.database import Transaction

Key = tuple[UUID, datetime]
_ADD = """
    insert into sample_hours as known (probe_id, vantage, hour, visits, failed, total, slowest,
        first_at, first_opened, first_total)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (probe_id, vantage, hour) do update set visits = known.visits + excluded.visits,
        failed = known.failed + excluded.failed, total = known.total + excluded.total,
        slowest = greatest(known.slowest, excluded.slowest)
"""


def sum_up(hours: Mapping[Key, Hour], results: Iterable[Result]) -> dict[Key, Hour]:
    """With these results; one that is no evidence is no visit."""
    summed = dict(hours)
    for each in results:
        if each.evidence:
            key = each.probe_id, each.at.replace(minute=0, second=0, microsecond=0)
            opened = each.error is None and (each.status or 0) < 400
            summed[key] = add(summed.get(key), Visit(each.at, each.ok, opened, each.total))
    return summed


async def keep_hours(tx: Transaction, hours: Mapping[Key, Hour], *, vantage: str) -> None:
    """Add these sums to what is known of their hours."""
    rows = [
        (
            probe_id, vantage, at, each.visits, each.failed, each.total, each.slowest,
            each.first.at, each.first.opened, each.first.total,
        )
        for (probe_id, at), each in sorted(hours.items())
    ]  # fmt: skip
    await (await tx.raw()).executemany(_ADD, rows)


async def drop_hours(tx: Transaction, *, before: datetime) -> None:
    """What is older than the policy keeps goes."""
    await (await tx.raw()).execute("delete from sample_hours where hour < $1", before)
