"""The queue, the calendar of due dates, and many decisions in one call."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.filing.schemas.bodies import DelegationId, Evidence
from services.filing.schemas.contents import Body, Clause, Prose
from services.filing.schemas.views import Local, View

_FILING_ID = "0f8b6f2e-1c1b-4a57-9d7c-5a2f3c1e9b10"
_EVIDENCE: list[Any] = [{"name": "截图.png", "sha256": "0f" * 32}]
AT_ONCE = 100


class QueueItemView(View):
    """One filing that waits; `own_filing` must be decided by somebody else (F6)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": _FILING_ID,
                    "number": "GFT-2025-000123",
                    "filing_type": "LISTING",
                    "state": "SUBMITTED",
                    "organisation_id": "jx-rst",
                    "region": "36",
                    "round": 1,
                    "submitted_at": "2025-11-03T09:20:00+08:00",
                    "due_at": "2025-11-11T00:00:00+08:00",
                    "due_for": "REVIEW",
                    "provisional": False,
                    "overdue_at": None,
                    "own_filing": False,
                    "delegations": [],
                    "version": 2,
                }
            ]
        }
    )

    id: UUID
    number: str | None
    filing_type: str = Field(validation_alias="type")
    state: str
    organisation_id: str
    region: str
    round: int
    submitted_at: Local | None
    due_at: Local
    due_for: str
    provisional: bool
    overdue_at: Local | None
    own_filing: bool
    delegations: list[UUID] = Field(description="可凭以代为办理的委托编号")
    version: int


class DueDayView(View):
    """How much falls due on one day."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "date": "2025-11-10",
                    "record": "filing",
                    "waiting_for": "REVIEW",
                    "count": 3,
                    "overdue": 0,
                    "escalated": 0,
                }
            ]
        }
    )

    date: date
    record: str = Field(description="filing 报备，obligation 义务")
    waiting_for: str
    count: int
    overdue: int
    escalated: int = Field(description="其中已经升级的义务")


class _Item(Body):
    filing_id: UUID
    version: Annotated[int, Field(strict=True, ge=1, description="已阅的版本，同 If-Match")]
    clause: Clause | None = None
    opinion: Prose | None = None
    evidence: Annotated[list[Evidence], Field(max_length=20)] = []
    delegation_id: DelegationId = None


class DecisionItem(_Item):
    """One decision of the province; a return or rejection needs clause, opinion and evidence."""

    action: Literal["ACCEPT", "RETURN", "APPROVE", "REJECT"]


class ConfirmationItem(_Item):
    """One answer of a department; a refusal needs clause, opinion and evidence."""

    action: Literal["CONFIRM", "REFUSE"]


_ACCEPTED: dict[str, Any] = {"filing_id": _FILING_ID, "version": 2, "action": "ACCEPT"}
_REFUSED: dict[str, Any] = {
    "filing_id": "1a9c7e3f-2d2c-4b68-8e8d-6b3f4d2f0c21",
    "version": 2,
    "action": "RETURN",
    "clause": "A10.3",
    "opinion": "投诉入口无法打开",
    "evidence": _EVIDENCE,
}


class DecisionBatch(Body):
    """Up to a hundred decisions; each stands alone."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"items": [_ACCEPTED, _REFUSED]}]}
    )

    items: Annotated[list[DecisionItem], Field(min_length=1, max_length=AT_ONCE)]


class ConfirmationBatch(Body):
    """Up to a hundred answers of one department; each stands alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"items": [{**_ACCEPTED, "action": "CONFIRM"}]}]},
    )

    items: Annotated[list[ConfirmationItem], Field(min_length=1, max_length=AT_ONCE)]


class OutcomeView(View):
    """What became of one item: its new state and version, or the problem that refused it."""

    filing_id: UUID
    outcome: str = Field(description="DONE 或 REFUSED")
    state: str | None
    version: int | None
    problem: dict[str, Any] | None


class BatchView(View):
    """The outcomes in the order of the items."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "done": 1,
                    "refused": 0,
                    "outcomes": [
                        {
                            "filing_id": _FILING_ID,
                            "outcome": "DONE",
                            "state": "ACCEPTED",
                            "version": 3,
                            "problem": None,
                        }
                    ],
                }
            ]
        }
    )

    done: int
    refused: int
    outcomes: list[OutcomeView]
