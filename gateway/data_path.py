"""What happens to a call that is not the gateway's own: limits, token, rights, cache, service.

The order is fixed, cheapest first: a flood costs no signature check, a stranger no upstream.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import entry_calls, proxy
from gateway.cache import Filled, Key, ResponseCache
from gateway.limits import Charge, Limiter, Plan, Verdict
from gateway.page import language_of, send_page
from gateway.routes import ENTRY_PREFIX, RouteTable
from shared.errors import DomainError, TooManyRequests, Unauthenticated
from shared.http.context import traceparent
from shared.http.problems import problem_response
from shared.security.access import ENTRY, Effect, Operation, check_role
from shared.security.tokens import Claims
from shared.security.verifier import Verifier

OWN: Final = "gateway"
TOKEN_PATH: Final = "/oauth2/token"


class TokenMissing(Unauthenticated):
    code = "token_missing"


@dataclass(frozen=True, slots=True)
class Tools:
    """What a running gateway holds for its calls; made at the start."""

    routes: RouteTable
    verifier: Verifier
    strangers: Limiter
    clients: Limiter
    stranger_plan: Plan
    client_plan: Plan
    cache: ResponseCache
    services: proxy.Upstreams
    entries: entry_calls.EntryCalls
