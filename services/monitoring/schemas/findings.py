"""Findings, their rectification and their history."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool, StrictInt

from services.monitoring.rules.rectifications import (
    FindingAction,
    FindingKind,
    Severity,
    Source,
)
from services.monitoring.schemas.fields import (
    IDENTIFIER,
    Body,
    Printable,
    ShanghaiTime,
    View,
    example,
    shown,
)

Prose = Annotated[str, Field(min_length=1, max_length=2000), Printable]
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
SourceId = Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._:-]{0,119}$")]
_EVIDENCE: list[Any] = [{"name": "截图.png", "sha256": "0f" * 32}]
_RECORDED: dict[str, Any] = {
    "organisation_id": "jx-rst",
    "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
    "kind": "ENTRY_UNAVAILABLE",
    "source": "SUPERVISION",
    "source_id": "check-2026-03-02-7",
    "severity": "NORMAL",
    "summary": "服务入口打不开",
    "evidence": _EVIDENCE,
    "order": True,
}


class Evidence(Body):
    """A file by its digest; the file itself stays with whoever holds it."""

    name: Annotated[str, Field(min_length=1, max_length=200), Printable]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["0f" * 32])]


EvidenceList = Annotated[list[Evidence], Field(max_length=20)]


class FindingInput(Body):
    """Something found; with `order` its rectification is ordered at once.

    A source that tells again of the same `source_id` gets what stands.
    """

    model_config = example(_RECORDED)

    organisation_id: Identifier
    listing_id: UUID | None = None
    kind: FindingKind
    source: Literal[
        Source.REPORT, Source.INSPECTION, Source.SUPERVISION, Source.SECURITY, Source.COMPLAINT
    ]
    source_id: SourceId | None = None
    severity: Severity = Severity.NORMAL
    summary: Prose
    evidence: EvidenceList = []
    order: StrictBool = False


class Order(Body):
    model_config = example({"opinion": "请按期整改"})

    opinion: Prose


class Submission(Body):
    """What the unit did; evidence is read by a person where nothing can be tested again."""

    model_config = example({"opinion": "已修复入口并复测", "evidence": _EVIDENCE})

    opinion: Prose
    evidence: EvidenceList = []


class ExtensionRequest(Body):
    """So many more of the unit in which the limit is given."""

    model_config = example({"amount": 3, "reason": "需要第三方配合"})

    amount: Annotated[StrictInt, Field(ge=1, le=366)]
    reason: Prose


class ExtensionDecision(Body):
    model_config = example({"granted": True, "opinion": "同意延期一次"})

    granted: StrictBool
    opinion: Prose


class Verification(Body):
    """Whether the evidence shows that it is put right."""

    model_config = example({"passed": True, "opinion": "材料齐全，整改属实"})

    passed: StrictBool
    opinion: Prose


class Closing(Body):
    model_config = example({"opinion": "予以销号"})

    opinion: Prose


class FindingView(View):
    """Something that a unit has to put right, and where that stands."""

    model_config = shown(
        {
            "id": "0199f0a0-0000-7000-8000-0000000000f1",
            "kind": "ENTRY_UNAVAILABLE",
            "listing_id": "0199f0a0-0000-7000-8000-0000000000a1",
            "organisation_id": "jx-rst",
            "region": "36",
            "raised_at": "2026-03-02T10:01:00+08:00",
            "closed_at": None,
            "state": "DISPATCHED",
            "source": "SUPERVISION",
            "source_id": "check-2026-03-02-7",
            "about_id": None,
            "domain": "MAINTENANCE",
            "severity": "NORMAL",
            "clause": "A17.3",
            "retest": "PROBE",
            "summary": "服务入口打不开",
            "ordering_organisation": "jx-zwfw",
            "ordered_at": "2026-03-02T10:01:00+08:00",
            "due_at": "2026-03-10T00:00:00+08:00",
            "provisional": False,
            "overdue_at": None,
            "submitted_at": None,
            "round": 0,
            "extension_amount": None,
            "extension_granted": None,
            "closed_because": None,
            "allowed_actions": ["SUBMIT"],
            "version": 2,
        }
    )

    id: UUID
    kind: str
    listing_id: UUID | None
    organisation_id: str
    region: str
    raised_at: ShanghaiTime
    closed_at: ShanghaiTime | None
    state: str
    source: str
    source_id: str | None
    about_id: UUID | None
    domain: str
    severity: str
    clause: str
    retest: str
    summary: str
    ordering_organisation: str | None
    ordered_at: ShanghaiTime | None
    due_at: ShanghaiTime | None
    provisional: bool
    overdue_at: ShanghaiTime | None
    submitted_at: ShanghaiTime | None
    round: int
    extension_amount: int | None
    extension_granted: bool | None
    closed_because: str | None
    allowed_actions: list[FindingAction] = []
    version: int


class FindingEntryView(View):
    """One line of a finding's history; persons by their opaque ids."""

    model_config = shown(
        {
            "number": 12,
            "at": "2026-03-04T10:00:00+08:00",
            "action": "SUBMIT",
            "actor": "jx-rst-system",
            "organisation": "jx-rst",
            "opinion": "已修复入口并复测",
            "evidence": _EVIDENCE,
            "addressee": None,
        }
    )

    number: int
    at: ShanghaiTime
    action: str
    actor: str
    organisation: str
    opinion: str
    evidence: list[dict[str, Any]]
    addressee: dict[str, Any] | None
