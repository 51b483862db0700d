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


async def find(tx: Transaction, operation: str, key: str, fingerprint_: str) -> Response | None:
    """The kept answer of this key, or None for the first call; a twin in flight is refused."""
    lock = await tx.session.scalar(
        text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"{tx.actor.client_id}|{operation}|{key}"},
    )
    if not lock:
        raise TwinInFlight(retry_after=1)
    row = (
        await tx.session.execute(
            text(
                "select fingerprint, status, headers, body from idempotency_keys"
                " where client_id = :client and operation = :operation and key = :key"
            ),
            {"client": tx.actor.client_id, "operation": operation, "key": key},
        )
    ).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint_:
        raise KeyReused
    if row.headers.get("cache-control") == "no-store":
        raise AnswerNotKept
    return Response(
        bytes(row.body),
        status_code=row.status,
        headers={**row.headers, "Idempotent-Replayed": "true"},
    )


async def forget_old(tx: Transaction) -> None:
    """A key counts for 30 days; older answers are deleted (the clock's part)."""
    await tx.session.execute(
        text("delete from idempotency_keys where created_at < :oldest"),
        {"oldest": tx.now - KEPT_FOR},
    )


async def keep(
    tx: Transaction, operation: str, key: str, fingerprint_: str, response: Response
) -> None:
    """Keep a 2xx answer beside the change that it tells of; of a secret only that it was shown."""
    if not 200 <= response.status_code < 300:
        return
    secret = response.headers.get("cache-control") == "no-store"
    await tx.session.execute(
        text(
            "insert into idempotency_keys"
            " (client_id, operation, key, fingerprint, status, headers, body, created_at)"
            " values (:client, :operation, :key, :fingerprint, :status,"
            " cast(:headers as jsonb), :body, :at)"
        ),
        {
            "client": tx.actor.client_id,
            "operation": operation,
            "key": key,
            "fingerprint": fingerprint_,
            "status": response.status_code,
            "headers": json.dumps(
                {n: v for n, v in response.headers.items() if n in _KEPT_HEADERS}
            ),
            "body": b"" if secret else bytes(response.body),
            "at": tx.now,
        },
    )
