"""What callers send; unknown members, blanks and personal data are refused."""

from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, WithJsonSchema

from services.filing.schemas.contents import (
    LISTING_EXAMPLE,
    Attachment,
    Body,
    Clause,
    Digest,
    FileName,
    Instant,
    ItemCode,
    NormVersion,
    Office,
    Prose,
    ReasonClass,
    Sha256,
    Title,
)
from services.filing.schemas.documents import DirectKind, content_schemas
from shared.security.files import FileKind

DelegationId = Annotated[UUID | None, Field(description="受委托代为办理时，填写委托编号（F6）")]
Note = Annotated[str, Field(max_length=2000)]
_DIGEST = "sha-256:" + "0f" * 32
_EVIDENCE: list[Any] = [{"name": "截图.png", "sha256": "0f" * 32}]
SELF_TEST_EXAMPLE: dict[str, Any] = {
    "norm_version": "demo-1.0",
    "digest": _DIGEST,
    "environment": "预发布环境",
    "cases": [{"name": "查询环节走通", "result": "PASS", "note": ""}],
    "result": "PASS",
    "signed_by": "省人社厅信息中心测试岗",
    "signed_at": "2025-11-03T09:20:00+08:00",
    "attachments": [{"name": "自测报告.pdf", "sha256": "0f" * 32, "size": 40960}],
}


class AttachmentView(Attachment):
    """What was stored: cite it by name, digest and size."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "自测报告.pdf",
                    "sha256": "0f" * 32,
                    "size": 40960,
                    "media_type": "application/pdf",
                }
            ]
        },
    )

    media_type: FileKind


class TestCase(Body):
    name: Title
    result: Literal["PASS", "FAIL"]
    note: Note = ""


class SelfTest(Body):
    """The full-process self-test of one version under one norm (A10.3)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SELF_TEST_EXAMPLE]})

    norm_version: NormVersion
    digest: Digest
    environment: Title
    cases: Annotated[list[TestCase], Field(min_length=1, max_length=200)]
    result: Literal["PASS", "FAIL"]
    signed_by: Office
    signed_at: Instant
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []


_CONTENT: dict[str, Any] = {
    "title": "Content",
    "description": "按类型的内容，见 GET /v1/filing-types/{filing_type}",
    "anyOf": content_schemas(),
}


class RevisionBody(Body):
    """A filing's document, and what belongs to it by type."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"filing_type": "LISTING", "content": LISTING_EXAMPLE}]},
    )

    filing_type: DirectKind
    content: Annotated[dict[str, Any], WithJsonSchema(_CONTENT)]
    listing_id: UUID | None = None
    plan_line_id: UUID | None = None
    self_test: SelfTest | None = None
    goes_live_at: Instant | None = None


class FilingBody(RevisionBody):
    """A new filing: a draft, or sent at once with `submit`."""

    submit: StrictBool = False


class Submission(Body):
    """Sending; the self-test may come with it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"self_test": SELF_TEST_EXAMPLE}]}
    )

    self_test: SelfTest | None = None


class Withdrawal(Body):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "方案调整，重新申报"}]}
    )

    reason: Prose


class Acceptance(Body):
    """收悉 or 确认, with an opinion if there is one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"opinion": "同意"}]})

    opinion: Annotated[Prose | None, Field()] = None
    delegation_id: DelegationId = None


class Evidence(Body):
    name: FileName
    sha256: Sha256


class Refusal(Body):
    """A refusal or return: the clause of the norm or measures, the reason, and evidence (C2)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"clause": "A10.3", "opinion": "投诉入口无法打开", "evidence": _EVIDENCE}]
        },
    )

    clause: Clause
    opinion: Prose
    evidence: Annotated[list[Evidence], Field(min_length=1, max_length=20)]
    delegation_id: DelegationId = None


class VersionConfirmation(Body):
    """A provincial department confirms a version by its digest, whichever side comes first (F2)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"item_code": "demo-rst-001", "digest": _DIGEST, "opinion": "同意上架"}]
        },
    )

    item_code: ItemCode
    digest: Digest
    opinion: Prose


_ORAL_REPORT: dict[str, Any] = {
    "reporter_office": "南昌市政务服务主管部门运维岗",
    "receiver_office": "省政务服务办值班室",
    "channel": "PHONE",
    "reported_at": "2025-11-03T09:20:00+08:00",
    "summary": "入口连续报错，请求先行下架。",
    "reason_class": "FAULT",
}
_LISTING_ID = "7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01"


class SpokenReport(Body):
    """Who reported to whom, when, how and why; offices and roles, not persons (A11.4)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_ORAL_REPORT]})

    reporter_office: Office
    receiver_office: Office
    channel: Literal["PHONE", "IN_PERSON", "MESSAGE"]
    reported_at: Instant
    summary: Prose
    reason_class: ReasonClass


class OralReportBody(SpokenReport):
    """An oral report about one listing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"listing_id": _LISTING_ID, **_ORAL_REPORT}]},
    )

    listing_id: UUID


class EmergencyBody(Body):
    """One call takes a listing off: with the oral report, or citing one recorded before (C8)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"listing_id": _LISTING_ID, "oral_report": _ORAL_REPORT}]},
    )

    listing_id: UUID
    oral_report: SpokenReport | None = None
    oral_report_id: UUID | None = None
    reason_class: ReasonClass | None = None
    notice_text: Prose | None = None
    alternative_channel: Prose | None = None
    ordered_by: Annotated[
        Office | None, Field(description="平台运营机构必填：省级主管部门的下架指令编号或岗位")
    ] = None


class TypeVersionBody(Body):
    """The next version of a type: its flows and gates, from a day on (F1)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "flow": "NOTIFY",
                    "flow_local": "CONFIRM",
                    "needs_plan_line": True,
                    "needs_self_test": True,
                    "needs_live_listing": False,
                    "may_withdraw": True,
                    "effective_from": "2027-01-01",
                }
            ]
        },
    )

    flow: Literal["NOTIFY", "CONFIRM", "APPLY"]
    flow_local: Literal["NOTIFY", "CONFIRM", "APPLY"]
    needs_plan_line: StrictBool
    needs_self_test: StrictBool
    needs_live_listing: StrictBool
    may_withdraw: StrictBool
    effective_from: date


class ForcedExitBody(Body):
    """The province's decision to force a partner out (A15.5)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "cause": "OPERATION_HARM",
                    "circumstances": "服务多次中断，影响平台运行，整改无效。",
                    "liability": "依协议追究违约责任，相关线索移送主管部门。",
                    "evidence": _EVIDENCE,
                    "deciding_office": "省政务服务办平台管理处",
                }
            ]
        },
    )

    cause: Literal["OPERATION_HARM", "PUBLIC_OPINION"]
    circumstances: Prose
    liability: Prose
    evidence: Annotated[list[Evidence], Field(min_length=1, max_length=20)]
    deciding_office: Office
