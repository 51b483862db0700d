"""The guard in front of every listener: one protocol under uvicorn, one layer around the app.

The protocol (`edge_protocol`) bounds what arrives before a request exists: time, header size,
framing, Host. The layer (`edge`) bounds the body while it streams and completes every answer.
"""

from shared.http.edge.layer import EdgeLayer, edge
from shared.http.edge.policy import ANY_HOST, EdgePolicy, Problem, edge_policy
from shared.http.edge.problem import (
    mint_request_id,
    problem,
    problem_answer,
    problem_headers,
    request_id_from,
    with_security_headers,
)
from shared.http.edge.protocol import EdgeProtocol, edge_protocol
from shared.http.edge.server import edge_config

__all__ = [
    "ANY_HOST",
    "EdgeLayer",
    "EdgePolicy",
    "EdgeProtocol",
    "Problem",
    "edge",
    "edge_config",
    "edge_policy",
    "edge_protocol",
    "mint_request_id",
    "problem",
    "problem_answer",
    "problem_headers",
    "request_id_from",
    "with_security_headers",
]
