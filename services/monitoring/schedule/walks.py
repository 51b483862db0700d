"""What came of a walk, as one result among the others: one alert for the whole of it (M2)."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from services.monitoring.clients.outcome import ADDRESS_REFUSED
from services.monitoring.clients.walker import CLEANUP, Walked
from services.monitoring.commands.results import Result
from services.monitoring.commands.shards import Watched
from services.monitoring.commands.walks import Run


def walk_result(
    probe: Watched, walked: Walked, *, run_id: UUID, at: datetime, lag: float
) -> Result:
    """The first step that failed says why; a clean-up that failed makes the walk fail too."""
    failed = walked.failed
    in_steps = failed is not None and failed in walked.steps
    error = None if failed is None else failed.error if in_steps else CLEANUP
    told = None if failed is None else f"{failed.name}: {failed.failure or failed.error}"
    steps = [
        {"part": part, **asdict(each)}
        for part, rows in (("STEP", walked.steps), ("CLEANUP", walked.cleanup))
        for each in rows
    ]
    return Result(
        probe_id=probe.id,
        shard=probe.shard,
        version=probe.changed_at,
        at=at,
        ok=failed is None,
        evidence=failed is None or failed.error != ADDRESS_REFUSED,
        reused=False,
        lag=lag * 1000,
        total=walked.total,
        phases=(None, None, None, None, None),
        status=None if failed is None else failed.status,
        error=error,
        failure=told,
        run=Run(
            id=run_id,
            walk_id=probe.id,
            at=at,
            ok=failed is None,
            total=walked.total,
            failed_step=None if failed is None else failed.name,
            cleaned=walked.cleaned,
            steps=steps,
        ),
    )
