"""What can be wrong with a request, as kinds that carry a stable code.

    DomainError
    ├── BadRequest 400        ├── MethodNotAllowed 405   ├── Invalid 422
    ├── Unauthenticated 401   ├── Conflict 409           ├── PreconditionRequired 428
    ├── Forbidden 403         ├── Gone 410               ├── TooManyRequests 429
    ├── NotFound 404          ├── PreconditionFailed 412 ├── HeadersTooLarge 431
    │                         ├── TooLarge 413           ├── Unavailable 503
    │                         └── UnsupportedMediaType 415 └── GatewayTimeout 504

The core raises a code; `shared.http.problems` renders it as RFC 9457 in zh-CN or en.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong member of a body: RFC 6901 pointer (or `?name` for a query), code, parameters."""

    pointer: str
    code: str
    params: dict[str, Any] = field(default_factory=dict)


class DomainError(Exception):
    """A refusal with a stable code; its sentences stand in a `messages.toml`.

    `members` names the parameters that are shown as members of the problem document.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    members: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        clause: str | None = None,
        allowed: Sequence[str] = (),
        errors: Sequence[FieldError] = (),
        retry_after: int | None = None,
        **params: Any,
    ) -> None:
        super().__init__(self.code)
        self.clause = clause
        self.allowed = tuple(allowed)
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.params = params


class BadRequest(DomainError):
    status = 400
    code = "bad_request"


class Unauthenticated(DomainError):
    status = 401
    code = "unauthenticated"


class Forbidden(DomainError):
    status = 403
    code = "forbidden"


class NotFound(DomainError):
    status = 404
    code = "not_found"


class MethodNotAllowed(DomainError):
    status = 405
    code = "method_not_allowed"


class NotAcceptable(DomainError):
    status = 406
    code = "not_acceptable"


class Conflict(DomainError):
    status = 409
    code = "conflict"


class Gone(DomainError):
    status = 410
    code = "gone"


class PreconditionFailed(DomainError):
    status = 412
    code = "precondition_failed"


class TooLarge(DomainError):
    status = 413
    code = "too_large"


class UnsupportedMediaType(DomainError):
    status = 415
    code = "unsupported_media_type"


class Invalid(DomainError):
    status = 422
    code = "invalid"


class PreconditionRequired(DomainError):
    status = 428
    code = "precondition_required"


class TooManyRequests(DomainError):
    status = 429
    code = "too_many_requests"


class HeadersTooLarge(DomainError):
    status = 431
    code = "headers_too_large"


class BadGateway(DomainError):
    status = 502
    code = "bad_gateway"


class Unavailable(DomainError):
    status = 503
    code = "unavailable"


class GatewayTimeout(DomainError):
    status = 504
    code = "gateway_timeout"
