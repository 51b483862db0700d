"""Appeals as they come in and go out (C2)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.filing.schemas.bodies import DelegationId, Evidence
from services.filing.schemas.contents import Body, Clause, Prose
from services.filing.schemas.views import Local, View

_EVIDENCE: list[Any] = [{"name": "截图.png", "sha256": "0f" * 32}]
_GROUNDS: dict[str, Any] = {"grounds": "投诉入口在退回前已经修复", "evidence": _EVIDENCE}
_DECISION: dict[str, Any] = {
    "outcome": "REVERSED",
    "clause": "A10.3",
    "opinion": "经复核，投诉入口可用，撤销退回",
    "evidence": _EVIDENCE,
}


class AppealBody(Body):
    """Why the last decision should be looked at by another reviewer, with evidence."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_GROUNDS]})

    grounds: Prose
    evidence: Annotated[list[Evidence], Field(max_length=20)] = []


class AppealDecision(Body):
    """The decision stands (UPHELD) or is undone (REVERSED), with clause, reason and evidence."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_DECISION]})

    outcome: Literal["UPHELD", "REVERSED"]
    clause: Clause
    opinion: Prose
    evidence: Annotated[list[Evidence], Field(max_length=20)] = []
    delegation_id: DelegationId = None


class AppealView(View):
    """One appeal; persons by their opaque ids."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "6f5e4d3c-2b1a-4098-8765-43210fedcba9",
                    "filing_id": "0f8b6f2e-1c1b-4a57-9d7c-5a2f3c1e9b10",
                    "against_action": "RETURN",
                    "round": 1,
                    "state": "REVERSED",
                    **_GROUNDS,
                    "filed_by": "jx-rst-system",
                    "filed_at": "2025-11-03T09:20:00+08:00",
                    "clause": "A10.3",
                    "opinion": "经复核，投诉入口可用，撤销退回",
                    "decision_evidence": _EVIDENCE,
                    "decided_by": "officer-province-2",
                    "decided_for": None,
                    "decided_at": "2025-11-04T10:00:00+08:00",
                    "version": 2,
                }
            ]
        }
    )

    id: UUID
    filing_id: UUID
    against_action: str
    round: int
    state: str
    grounds: str
    evidence: list[dict[str, Any]]
    filed_by: str
    filed_at: Local
    clause: str | None
    opinion: str | None
    decision_evidence: list[dict[str, Any]] | None
    decided_by: str | None
    decided_for: str | None
    decided_at: Local | None
    version: int
