"""What happens around every endpoint, once.

The order is fixed: token → role and scope → preconditions → body → transaction → stored answer of
the same key → the endpoint's one command or query → the answer kept beside the change → commit.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC
from email.utils import format_datetime
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from shared.database import Database, Transaction
from shared.errors import Unauthenticated, UnsupportedMediaType
from shared.http import conditional, idempotency, strict_json
from shared.http.encoding import choose_coding, pack
from shared.http.language import negotiate
from shared.http.signature import Handler, handler
from shared.security.access import OPERATIONS, Effect, Operation, Relation, check_role
from shared.security.identity import Actor, Role
from shared.security.markers import may_carry_marker

ANYONE: Final = Actor(
    subject="anonymous", client_id="anonymous", organisation="", role=Role.APP, region=""
)
PUBLIC_CACHE = "public, max-age=0, s-maxage=30, must-revalidate"


class TokenMissing(Unauthenticated):
    code = "token_missing"


class OperationRoute(APIRoute):
    """A route whose rights and preconditions stand in the policy table under its operation id."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        operation_id = kwargs.get("operation_id") or camel_case(endpoint.__name__)
        kwargs["operation_id"] = operation_id
        operation = OPERATIONS.get(operation_id)
        methods = set(kwargs.get("methods") or ())
        if operation is None or (operation.path, {operation.method}) != (path, methods):
            raise LookupError(f"{operation_id} {methods} {path} is not in the policy table")
        self.operation = operation
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Handler:
        """What stands in for FastAPI's own call: it asks for this as soon as it has described."""
        self.call = around(self.operation, handler(self), self.prepare)
        return self.call

    async def prepare(self, _request: Request) -> Any:
        """Do what takes too long for a transaction; the endpoint finds it as `state.prepared`."""


async def _nothing(_request: Request) -> None:
    return None


def around(
    operation: Operation,
    endpoint: Handler,
    prepare: Callable[[Request], Awaitable[Any]] = _nothing,
) -> Handler:
    """Wrap an endpoint with everything that its row of the policy table asks for."""

    async def handle(request: Request) -> Response:
        actor, relation = await _identify(request, operation)
        conditions = conditional.read(request, required=operation.needs_match)
        key = idempotency.read_key(request, required=operation.needs_key)
        await _read_body(request)
        request.state.prepared = await prepare(request)
        database: Database = request.app.state.database
        async with database.transaction(
            actor,
            operation=operation,
            expected_version=conditions.expected_version,
            whole_province=operation.effect in (Effect.PUBLIC_READ, Effect.OPEN),
            at_once=key is None and operation.method != "GET",
        ) as tx:
            request.state.transaction = tx
            request.state.relation = relation
            response = await _answer_once(tx, request, operation, key, endpoint)
        return _finish(request, response, operation, conditions)

    return handle


async def _answer_once(
    tx: Transaction,
    request: Request,
    operation: Operation,
    key: str | None,
    endpoint: Handler,
) -> Response:
    if key is None:
        return await endpoint(request)
    fingerprint = idempotency.fingerprint(request)
    stored = await idempotency.find(tx, operation.id, key, fingerprint)
    if stored is not None:
        return stored
    response = await endpoint(request)
    idempotency.keep(tx, operation.id, key, fingerprint, response)
    return response


async def _identify(request: Request, operation: Operation) -> tuple[Actor, Relation]:
    if operation.effect is Effect.OPEN:
        return ANYONE, Relation.ANY
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenMissing
    actor: Actor = await request.app.state.authenticate(token)
    return actor, check_role(operation, actor)


async def _read_body(request: Request) -> None:
    """Parse JSON strictly, once, for the endpoint and for the fingerprint of a retry."""
    if request.method not in ("POST", "PUT", "PATCH"):
        return
    body = await request.body()
    if not body:
        return
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        parsed = strict_json.loads(body)
        if may_carry_marker(body):
            request.app.state.refuse_classified(parsed)
        request._json = parsed  # noqa: SLF001 Starlette's own cache of the parsed body
    elif media_type not in _accepted_media(request):
        raise UnsupportedMediaType(media_type=media_type)


def _accepted_media(request: Request) -> tuple[str, ...]:
    route = request.scope.get("route")
    extra = getattr(route, "openapi_extra", None) or {}
    return tuple(extra.get("requestBody", {}).get("content", {}))


def _finish(
    request: Request,
    response: Response,
    operation: Operation,
    conditions: conditional.Conditions,
) -> Response:
    language = negotiate(request.headers.get("accept-language"))
    headers = response.headers
    headers.setdefault("Content-Language", language)
    headers.setdefault("Vary", "Accept-Language")
    if operation.deprecated or operation.sunset:
        headers.update(_retirement(operation))
    read = request.method == "GET" and response.status_code == 200
    if read:
        public = operation.effect is Effect.PUBLIC_READ
        headers.setdefault("Cache-Control", PUBLIC_CACHE if public else "private, no-cache")
        if public:  # the gateway drops what carries a tag when an event tells of its resource
            headers.setdefault("Cache-Tag", operation.path.split("/")[2])
    conditional.set_etag(response, always=read)
    zipped = choose_coding(response, request.headers.get("accept-encoding"))
    if read and (same := conditional.unchanged(response, conditions)) is not None:
        return same
    if zipped:
        pack(response)
    return response


def _retirement(operation: Operation) -> dict[str, str]:
    """Deprecation (RFC 9745) and Sunset (RFC 8594) of an operation that will go."""
    fields = {}
    if operation.deprecated is not None:
        fields["Deprecation"] = f"@{operation.deprecated.timestamp():.0f}"
    if operation.sunset is not None:
        fields["Sunset"] = format_datetime(operation.sunset.astimezone(UTC), usegmt=True)
    return fields


def current_transaction(request: Request) -> Transaction:
    tx: Transaction = request.state.transaction
    return tx


def current_relation(request: Request) -> Relation:
    relation: Relation = request.state.relation
    return relation


def current_language(request: Request) -> str:
    return negotiate(request.headers.get("accept-language"))


Tx = Annotated[Transaction, Depends(current_transaction)]
Related = Annotated[Relation, Depends(current_relation)]
Language = Annotated[str, Depends(current_language)]


def camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
