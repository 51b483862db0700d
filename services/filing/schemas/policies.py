"""Changing a limit: the proposal, and what it would do to running clocks."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

from services.filing.schemas.contents import Body
from services.filing.schemas.views import Local, View


class PolicyProposalBody(Body):
    """The next version of a limit; the unit stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"value": 3, "source": "no official source", "effective_from": "2026-12-01"}
            ]
        },
    )

    value: Annotated[int, Field(strict=True, ge=0, le=1830)]
    source: Annotated[str, Field(min_length=1, max_length=200)]
    effective_from: date


class MoveView(View):
    """So many running clocks would go from one due day to another; null while paused."""

    from_date: date | None
    to_date: date | None
    count: int


class ProposalView(View):
    """A proposal and its effect as of now; nothing has changed until it is confirmed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "key": "listing_review",
                    "unit": "working_days",
                    "current_value": 5,
                    "current_version": 1,
                    "value": 3,
                    "source": "no official source",
                    "effective_from": "2026-12-01",
                    "loosens": False,
                    "proposed_by": "officer-province-1",
                    "proposed_at": "2026-11-24T09:00:00+08:00",
                    "running": 2,
                    "examined": 2,
                    "moves": [{"from_date": "2026-12-01", "to_date": "2026-11-27", "count": 2}],
                    "late_at_once": 0,
                    "version": 1,
                }
            ]
        }
    )

    key: str
    unit: str
    current_value: int
    current_version: int
    value: int
    source: str
    effective_from: date
    loosens: bool = Field(description="放宽限期，须由另一人确认")
    proposed_by: str
    proposed_at: Local
    running: int = Field(description="按此限期正在计时的数量")
    examined: int = Field(description="逐一推算的数量，最先到期的在前")
    moves: list[MoveView]
    late_at_once: int = Field(description="生效后立即逾期的数量")
    version: int
