"""Idempotency-Key (IETF draft -07): the key, its fingerprint and the answer commit with the change.

Missing where required 400, same key with another body 422, a twin in flight 409, replay with
`Idempotent-Replayed: true`. Only 2xx answers are kept (decisions: HTTP).
"""

import json
import re
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from shared.database import Transaction
from shared.errors import BadRequest, Conflict, Invalid
from shared.http.conditional import VERSION_HEADER
from shared.security.canonical import digest

KEPT_FOR = timedelta(days=30)
_KEY = re.compile(r'^"?[A-Za-z0-9._:~-]{8,128}"?$')
_KEPT_HEADERS = ("location", "content-type", "etag", "cache-control", VERSION_HEADER)


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
    """Digest of what was asked: path, query and body in canonical form."""
    parsed: Any = getattr(request, "_json", None)
    body: Any = parsed if parsed is not None else _raw_body(request)
    asked = {"path": request.url.path, "query": request.url.query}
    try:
        return digest({**asked, "body": body})
    except ValueError:  # a number that RFC 8785 cannot write: its bytes tell it apart as well
        return digest({**asked, "body": _raw_body(request)})


def _raw_body(request: Request) -> str:
    return bytes(getattr(request, "_body", b"")).hex()


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
    """The kept answer of this key, or None for the first call; a twin in flight is refused."""
    [row] = await (await tx.raw()).fetch(_FIND, tx.actor.client_id, operation, key)
    if not row["alone"]:
        raise TwinInFlight(retry_after=1)
    if row["fingerprint"] is None:
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
    secret = response.headers.get("cache-control") == "no-store"
    tx.refuse_on("pk_idempotency_keys", TwinInFlight(retry_after=1))
    tx.write(
        _KEEP,
        tx.actor.client_id,
        operation,
        key,
        fingerprint_,
        response.status_code,
        json.dumps({n: v for n, v in response.headers.items() if n in _KEPT_HEADERS}),
        b"" if secret else bytes(response.body),
        tx.now,
    )
