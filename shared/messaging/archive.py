"""The permanent record of what a service told: archive and outbox, read as one list by position.

Neither `id` nor the stream's sequence can be a cursor: identity values become visible in commit
order, not in their own (a reader that remembers the highest id misses 33 % under load), and stream
sequences begin again with each new stream. So the relay gives each row a `position` when it first
marks it, in one statement, counting on from the highest. Only one marking can take a number (it is
unique), a second waits for the first to commit, and a later publishing keeps it. Positions
therefore appear without a gap in ascending order, and `position > after` misses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.messaging.publishing import envelope_json

_COLUMNS = (
    "id, event_id, created_on, type, subject, sequence, region, occurred_at, traceparent, data,"
    " position"
)
# Only the first rows are looked at, not all of ninety days: one that was sent again since holds up
# those behind it for as long.
_MOVE = f"""
    with moved as (
        delete from outbox where id in (
            select id from (
                select id, sent_at from outbox
                where position is not null order by position limit $2
            ) as first where sent_at < $1
        ) returning {_COLUMNS}
    )
    insert into event_archive ({_COLUMNS}) select {_COLUMNS} from moved
"""  # noqa: S608 no value enters the text
_READ = f"""
    select {_COLUMNS} from event_archive where position > $1
    union all select {_COLUMNS} from outbox where position > $1
    order by position limit $2
"""  # noqa: S608 no value enters the text


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it was published, and its place in the service's own order."""

    position: int
    envelope: bytes


async def archive_events(connection: Any, *, before: datetime, limit: int = 1000) -> bool:
    """Move events that were sent before an instant; True when there may be more.

    They are then beyond the reach of a republishing: a new consumer reads them by `read_events`.
    """
    status: str = await connection.execute(_MOVE, before, limit)
    return int(status.rpartition(" ")[2]) == limit


async def read_events(
    connection: Any, *, source: str, base: str, after: int = 0, limit: int = 100
) -> Sequence[Told]:
    """The service's published events behind position `after`, oldest first.

    An event is listed once it was published for the first time, and from then on for ever.
    """
    rows = await connection.fetch(_READ, after, limit)
    return [Told(row["position"], envelope_json(row, source, base=base)) for row in rows]
