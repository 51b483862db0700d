"""Idempotency-Key (IETF draft -07): the key, its fingerprint and the answer commit with the change.

Missing where required 400, same key with another body 422, a twin in flight 409, replay with
`Idempotent-Replayed: true`. Only 2xx answers are kept (decisions: HTTP).
"""

import re
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from shared.connections import Driver
from shared.database import Transaction
from shared.errors import BadRequest, Conflict, Invalid
from shared.http.conditional import VERSION_HEADER
from shared.security.canonical import tagged_hash

KEPT_FOR = timedelta(days=30)
_KEY = re.compile(r'^"?[A-Za-z0-9._:~-]{8,128}"?$')
_KEPT_HEADERS = frozenset(
    {b"location", b"content-type", b"etag", b"cache-control", VERSION_HEADER.encode()}
)


class KeyMissing(BadRequest):
    code = "idempotency_key_missing"


class KeyMalformed(BadRequest):
    code = "idempotency_key_malformed"


class KeyReused(Invalid):
    code = "idempotency_key_reused"


class AnswerNotKept(Conflict):
    """The first answer held a secret: it was shown once and is not kept."""

    code = "answer_not_kept"


class TwinInFlight(Conflict):
    code = "idempotent_twin_in_flight"


def read_key(request: Request, *, required: bool) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        if required:
            raise KeyMissing
        return None
    if not required and request.method not in ("POST", "PATCH"):
        return None
    if _KEY.match(key) is None:
        raise KeyMalformed
    return key.strip('"')


def fingerprint(request: Request) -> str:
    """Digest of what was asked: path, query and body, whatever the order of its members.

    It is compared with itself alone, so it needs no form that others could repeat.
    """
    parsed: Any = getattr(request, "_json", None)
    body = bytes(getattr(request, "_body", b""))
    with suppress(orjson.JSONEncodeError):  # nested too deeply: its bytes tell it apart as well
        body = orjson.dumps(parsed, option=orjson.OPT_SORT_KEYS) if parsed is not None else body
    asked = (request.scope["path"].encode(), request.scope["query_string"], body)
    return tagged_hash(b"\n".join(asked), algorithm="sha-256")


# One statement: whoever gets the lock between another's commit and this snapshot does not see what
# was kept, and finds out when it keeps its own.
_FIND = """
    select pg_try_advisory_xact_lock(hashtextextended($1 || '|' || $2 || '|' || $3, 0)) as alone,
        kept.*
    from (select) as one left join (
        select fingerprint, status, headers, body from idempotency_keys
        where client_id = $1 and operation = $2 and key = $3
    ) as kept on true
"""
_KEEP = """
    insert into idempotency_keys
        (client_id, operation, key, fingerprint, status, headers, body, created_at)
    values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)
"""


async def find(tx: Transaction, operation: str, key: str, fingerprint_: str) -> Response | None:
    """The kept answer of this key, or None for the first call; a twin in flight is refused.

    The transaction that begins after this looks again, and holds the key until its end.
    """
    name = (tx.actor.client_id, operation, key)
    row = await tx.look(_FIND, *name)
    if not row["alone"]:
        raise TwinInFlight(retry_after=1)
    if row["fingerprint"] is None:
        tx.at_begin(partial(_hold, name=name))
        return None
    if row["fingerprint"] != fingerprint_:
        raise KeyReused
    headers: dict[str, str] = row["headers"]
    if headers.get("cache-control") == "no-store":
        raise AnswerNotKept
    return Response(
        bytes(row["body"]),
        status_code=row["status"],
        headers={**headers, "Idempotent-Replayed": "true"},
    )


async def _hold(driver: Driver, *, name: tuple[str, str, str]) -> None:
    [row] = await driver.fetch(_FIND, *name)
    if not row["alone"] or row["fingerprint"] is not None:
        raise TwinInFlight(retry_after=1)


async def forget_old(tx: Transaction) -> None:
    """A key counts for 30 days; older answers are deleted (the clock's part)."""
    await tx.session.execute(
        text("delete from idempotency_keys where created_at < :oldest"),
        {"oldest": tx.now - KEPT_FOR},
    )


def keep(tx: Transaction, operation: str, key: str, fingerprint_: str, response: Response) -> None:
    """Keep a 2xx answer beside the change that it tells of; of a secret only that it was shown."""
    if not 200 <= response.status_code < 300:
        return
    kept = {
        name.decode(): value.decode("latin-1")
        for name, value in response.raw_headers
        if name in _KEPT_HEADERS
    }
    secret = kept.get("cache-control") == "no-store"
    tx.refuse_on("pk_idempotency_keys", TwinInFlight(retry_after=1))
    tx.write(
        _KEEP,
        tx.actor.client_id,
        operation,
        key,
        fingerprint_,
        response.status_code,
        orjson.dumps(kept).decode(),
        b"" if secret else bytes(response.body),
        tx.now,
    )
