"""What a transaction tells beside its rows: its events, and an audit entry for each of them.

Entries wait in `audit_pending` until the sealer links them (shared/sealing.py): the chain has one
end, and writers do not queue for it.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from shared.clock import SHANGHAI
from shared.events.envelope import Event
from shared.http.context import request_id
from shared.security.access import Operation
from shared.security.canonical import Algorithm, canonical, digest, tagged_hash
from shared.security.identity import Actor
from shared.writes import Write


@dataclass(frozen=True, slots=True)
class Told:
    event: Event
    subject: str
    region: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Act:
    action: str
    subject: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class By:
    """Who tells, when, and by which operation."""

    actor: Actor
    operation: Operation | None
    at: datetime
    algorithm: Algorithm


# Numbers for each subject, gapless and in the order of commits; locked in one order, so that two
# writers never deadlock. A row takes its own by how many of its subject follow it.
_TAKE = """
    insert into aggregates (subject, sequence)
    select s, n from unnest($1::text[], $2::bigint[]) as rows(s, n) order by s
    on conflict (subject) do update set sequence = aggregates.sequence + excluded.sequence
    returning subject, sequence
"""
_OUTBOX = """
    insert into outbox (event_id, created_on, type, subject, sequence, region, occurred_at,
        traceparent, data)
    select e, $8, t, s, taken.sequence - b, r, $9, p, d
    from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[],
        $7::text[]) with ordinality as rows(e, t, s, b, r, d, p, place)
    join taken on taken.subject = s order by place
"""
_AUDIT = """
    insert into audit_pending (at, actor, client_id, organisation, operation, action, subject,
        subject_number, request_id, details, digest)
    select $6, $7, $8, $9, $10, a, s, taken.sequence - b, $11, d::jsonb, h
    from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
        with ordinality as rows(a, s, b, d, h, place)
    join taken on taken.subject = 'audit:' || s order by place
"""


def writes(events: Sequence[Told], acts: Sequence[Act], by: By) -> Iterator[Write]:
    """The statements that write events and audit, to be sent in one."""
    dumped = [canonical(told.event.model_dump(mode="json")) for told in events]
    acted = [
        *(
            Act(
                told.event.type,
                told.subject,
                {"digest": tagged_hash(data, algorithm=by.algorithm)},
            )
            for told, data in zip(events, dumped, strict=True)
        ),
        *acts,
    ]
    counts = Counter(told.subject for told in events)
    counts += Counter(f"audit:{act.subject}" for act in acted)
    yield Write(_TAKE, (sorted(counts), [counts[subject] for subject in sorted(counts)]), "taken")
    if events:
        yield _outbox(events, dumped, by.at)
    yield _audit(acted, by)


def entry_digest(body: Mapping[str, Any], *, algorithm: Algorithm) -> str:
    """Of an audit entry as it was written; its numbers are under the hash that links it."""
    return digest(dict(body), algorithm=algorithm)


def _outbox(events: Sequence[Told], dumped: Sequence[bytes], at: datetime) -> Write:
    return Write(
        _OUTBOX,
        (
            [uuid4() for _ in events],
            [told.event.type for told in events],
            [told.subject for told in events],
            _following([told.subject for told in events]),
            [told.region for told in events],
            [data.decode() for data in dumped],
            [told.traceparent or None for told in events],
            at.astimezone(SHANGHAI).date(),
            at,
        ),
    )


def _audit(acts: Sequence[Act], by: By) -> Write:
    named = {
        "at": by.at.isoformat(),
        "actor": by.actor.subject,
        "client_id": by.actor.client_id,
        "organisation": by.actor.organisation,
        "operation": by.operation.id if by.operation else "",
        "request_id": request_id.get() or None,
    }
    digests = [
        entry_digest(
            {**named, "action": act.action, "subject": act.subject, "details": dict(act.details)},
            algorithm=by.algorithm,
        )
        for act in acts
    ]
    return Write(
        _AUDIT,
        (
            [act.action for act in acts],
            [act.subject for act in acts],
            _following([act.subject for act in acts]),
            [json.dumps(dict(act.details), ensure_ascii=False) for act in acts],
            digests,
            by.at,
            named["actor"],
            named["client_id"],
            named["organisation"],
            named["operation"],
            named["request_id"],
        ),
    )


def _following(subjects: Iterable[str]) -> list[int]:
    """Of each, how many of the same subject come after it."""
    seen: Counter[str] = Counter()
    found = []
    for subject in reversed(list(subjects)):
        found.append(seen[subject])
        seen[subject] += 1
    return found[::-1]
