"""Samples and checks as they come in and go out (A24.1)."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt

from services.monitoring.rules.rectifications import FindingKind, Severity
from services.monitoring.rules.supervision import Method
from services.monitoring.schemas.fields import (
    REGION,
    Body,
    ShanghaiTime,
    View,
    example,
    shown,
)
from services.monitoring.schemas.findings import EvidenceList, Identifier, Prose

_LISTING = "0199f0a0-0000-7000-8000-0000000000a1"
_SAMPLE = "0199f0a0-0000-7000-8000-0000000000d1"
_EVIDENCE: list[Any] = [{"name": "截图.png", "sha256": "0f" * 32}]
_CHECK: dict[str, Any] = {
    "listing_id": _LISTING,
    "sample_id": _SAMPLE,
    "method": "RANDOM_CHECK",
    "passed": False,
    "summary": "服务入口打不开",
    "evidence": _EVIDENCE,
    "walk_run_id": None,
}
_DRAW: dict[str, Any] = {"seed": "2026-03-抽查", "size": 10, "region": "360100"}


class SampleInput(Body):
    """What is drawn from: all that is listed in a region, or of one unit there."""

    model_config = example({**_DRAW, "organisation_id": None})

    seed: Annotated[str, Field(pattern=r"^[\w.:-]{1,64}$")]
    size: Annotated[StrictInt, Field(ge=1, le=10_000)]
    region: Annotated[str, Field(pattern=REGION)]
    organisation_id: Identifier | None = None


class SampleView(View):
    """A sample with all that it takes to draw it again.

    `verified` says whether the stored population gives this digest and this sample now.
    """

    model_config = shown(
        {
            "id": _SAMPLE,
            "organisation_id": "jx-zwfw",
            **_DRAW,
            "of_organisation": None,
            "drawn_on": "2026-03-02",
            "algorithm": "sha256-rank",
            "algorithm_version": 1,
            "population_size": 180,
            "population_digest": "sha-256:" + "0f" * 32,
            "listing_ids": [_LISTING],
            "verified": True,
            "drawn_by": "officer-province-1",
            "drawn_at": "2026-03-02T10:00:00+08:00",
        }
    )

    id: UUID
    organisation_id: str
    region: str
    of_organisation: str | None
    seed: str
    drawn_on: date
    algorithm: str
    algorithm_version: int
    size: int
    population_size: int
    population_digest: str
    listing_ids: list[UUID]
    verified: bool
    drawn_by: str
    drawn_at: ShanghaiTime


class Member(View):
    """One listing of a sample's population."""

    model_config = shown({"listing_id": _LISTING})

    listing_id: UUID


class CheckInput(Body):
    """One check of a listed service; what fails names its kind and shows it.

    `walk_run_id` is the run of a mock transaction that the check rests on.
    """

    model_config = example({**_CHECK, "kind": "ENTRY_UNAVAILABLE", "severity": "NORMAL"})

    listing_id: UUID
    sample_id: UUID | None = None
    method: Method
    passed: StrictBool
    kind: FindingKind | None = None
    severity: Severity = Severity.NORMAL
    summary: Prose
    evidence: EvidenceList = []
    walk_run_id: UUID | None = None


class CheckView(View):
    """One check, and the finding that it led to."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000d2",
            **_CHECK,
            "organisation_id": "jx-rst",
            "region": "36",
            "finding_id": "0199f0a0-0000-7000-8000-0000000000f1",
            "checking_organisation": "jx-zwfw",
            "checked_by": "officer-province-1",
            "checked_at": "2026-03-02T10:00:00+08:00",
        }
    )

    id: UUID
    sample_id: UUID | None
    listing_id: UUID
    organisation_id: str
    region: str
    method: str
    passed: bool
    summary: str
    evidence: list[dict[str, Any]]
    walk_run_id: UUID | None
    finding_id: UUID | None
    checking_organisation: str
    checked_by: str
    checked_at: ShanghaiTime
