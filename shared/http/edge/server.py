"""How a component is served: uvicorn with the edge's protocol, and nothing that bypasses it."""

from typing import Any

import uvicorn
from starlette.types import ASGIApp

from shared.http.edge.policy import EdgePolicy, Problem
from shared.http.edge.problem import problem
from shared.http.edge.protocol import EdgeProtocol, edge_protocol


def edge_config(
    app: ASGIApp,
    policy: EdgePolicy,
    *,
    say: Problem = problem,
    base: type[EdgeProtocol] = EdgeProtocol,
    drain_seconds: int = 10,
    **options: Any,
) -> uvicorn.Config:
    """uvicorn's configuration for one listener behind the edge; `options` are uvicorn's own."""
    fixed: dict[str, Any] = {
        "http": edge_protocol(policy, say=say, base=base),
        "ws": "none",
        "interface": "asgi3",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_level": "warning",
        "timeout_graceful_shutdown": drain_seconds,
    }
    return uvicorn.Config(app, **{**fixed, **options})
