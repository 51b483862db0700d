"""Whether a heartbeat has beaten in its time, as one result among the others."""

from datetime import datetime, timedelta

from services.monitoring.commands.heartbeats import BEAT_MISSED
from services.monitoring.commands.results import Result
from services.monitoring.commands.shards import Watched


def beat_result(probe: Watched, last: datetime | None, *, grace: int, at: datetime) -> Result:
    """Failed once in each interval without a beat."""
    late = timedelta(seconds=probe.interval + grace)
    ok = last is not None and at - last <= late
    return Result(
        probe_id=probe.id,
        shard=probe.shard,
        version=probe.changed_at,
        at=at,
        ok=ok,
        evidence=True,
        reused=False,
        lag=0.0,
        total=0.0,
        phases=(None, None, None, None, None),
        status=None,
        error=None if ok else BEAT_MISSED,
        failure=None,
    )
