"""One example of each answer, for the interactive documentation."""

from typing import Any, Final

from services.filing.schemas.contents import LISTING_EXAMPLE

_FILING_ID = "0f8b6f2e-1c1b-4a57-9d7c-5a2f3c1e9b10"
_LISTING_ID = "7a1d4f6c-3a0e-4c1d-9c55-2f0d8a6e7b01"
_ORDER_ID = "b7d8a3c2-55e1-4f0e-8d2b-1f6c9a7e4d21"
_REPORT_ID = "c2f4b1a9-7d33-4e55-9a6e-0b8d5f3c2e17"
_OBLIGATION_ID = "e91c7f40-2b6a-4d18-b3c5-6a7f8e9d0c1b"
_DIGEST = "sha-256:" + "0f" * 32
_FILED = "2025-11-03T09:20:00+08:00"
_DUE = "2025-11-11T00:00:00+08:00"

SUMMARY: Final[dict[str, Any]] = {
    "id": _FILING_ID,
    "number": "GFT-2025-000123",
    "filing_type": "LISTING",
    "type_version": 1,
    "flow": "NOTIFY",
    "state": "SUBMITTED",
    "organisation_id": "jx-rst",
    "region": "36",
    "listing_id": _LISTING_ID,
    "item_code": "demo-rst-001",
    "digest": _DIGEST,
    "round": 1,
    "submitted_at": _FILED,
    "decided_at": None,
    "due_at": _DUE,
    "due_for": "REVIEW",
    "provisional": False,
    "overdue_at": None,
    "created_at": _FILED,
    "updated_at": _FILED,
    "version": 2,
}
FILING: Final[dict[str, Any]] = {
    **SUMMARY,
    "content": LISTING_EXAMPLE,
    "plan_line_id": "5d2e8c71-9f04-4b3a-8e6d-7c1a2b3d4e5f",
    "oral_report_id": None,
    "self_test": None,
    "departments": [],
    "confirmed_by": [],
    "goes_live_at": None,
    "revoked_by": None,
    "revokes": [],
    "obligation_id": None,
    "allowed_actions": ["WITHDRAW"],
    "history": [
        {
            "at": _FILED,
            "round": 1,
            "action": "SUBMIT",
            "state": "SUBMITTED",
            "actor": "jx-rst-system",
            "acting_for": None,
            "organisation": "jx-rst",
            "clause": "A11.1",
            "opinion": "",
            "evidence": [],
            "digest": _DIGEST,
        }
    ],
    "rounds": [
        {
            "round": 1,
            "submitted_at": _FILED,
            "digest": _DIGEST,
            "content": LISTING_EXAMPLE,
            "self_test": None,
        }
    ],
}
CONFIRMATION: Final[dict[str, Any]] = {
    "id": "9b8a7c6d-5e4f-4a3b-8c2d-1e0f9a8b7c6d",
    "item_code": "demo-rst-001",
    "digest": _DIGEST,
    "department": "jx-rst",
    "filing_id": None,
    "opinion": "同意上架",
    "given_at": _FILED,
}
PLANNED: Final[dict[str, Any]] = {
    "item_code": "demo-rst-001",
    "hall_id": "hall-36",
    "kind": "STANDARD",
    "planned_on": "2026-03-31",
    "note": "",
}
PLAN_LINE: Final[dict[str, Any]] = {
    "id": "5d2e8c71-9f04-4b3a-8e6d-7c1a2b3d4e5f",
    "filing_id": _FILING_ID,
    "organisation_id": "jx-rst",
    "region": "36",
    "year": 2026,
    **PLANNED,
    "state": "ACTIVE",
}
PLAN_DIFF: Final[dict[str, Any]] = {
    "year": 2026,
    "rows": 2,
    "valid": False,
    "added": [PLANNED],
    "removed": [],
    "changed": [],
    "unchanged": 0,
    "errors": [{"row": 2, "column": "item_code", "code": "item_unknown", "detail": "没有这个事项"}],
    "digest": _DIGEST,
    "filing_id": None,
}
ORAL_REPORT: Final[dict[str, Any]] = {
    "id": _REPORT_ID,
    "listing_id": _LISTING_ID,
    "organisation_id": "city-360100",
    "region": "360100",
    "reporter_office": "南昌市政务服务主管部门运维岗",
    "receiver_office": "省政务服务办值班室",
    "channel": "PHONE",
    "reported_at": _FILED,
    "summary": "入口连续报错，请求先行下架。",
    "reason_class": "FAULT",
    "recorded_at": _FILED,
}
OBLIGATION: Final[dict[str, Any]] = {
    "id": _OBLIGATION_ID,
    "kind": "WRITTEN_FILING",
    "state": "OPEN",
    "organisation_id": "city-360100",
    "region": "360100",
    "domain": "OPERATION",
    "filing_id": _ORDER_ID,
    "subject": None,
    "clause": "A11.5",
    "opened_at": _FILED,
    "due_at": "2025-11-05T00:00:00+08:00",
    "provisional": False,
    "breached_at": None,
    "fulfilled_at": None,
    "fulfilled_by": None,
    "late": False,
    "ladder": [
        {
            "rung": "first_reminder",
            "level": "RESPONSIBLE",
            "fired_at": "2025-11-04T13:30:00+08:00",
            "to": {
                "organisation_id": "city-360100",
                "domain": "OPERATION",
                "post": "LEADER",
                "person_id": "3c1b7f52-8d0e-4a6b-9f27-5e4d3c2b1a09",
            },
            "skipped": [
                {"organisation_id": "city-360100", "domain": "OPERATION", "post": "RESPONSIBLE"},
                {"organisation_id": "city-360100", "domain": "OPERATION", "post": "DEPUTY"},
            ],
        }
    ],
    "clock": {
        "state": "RUNNING",
        "limit": 1,
        "unit": "working_days",
        "due_at": "2025-11-05T00:00:00+08:00",
        "provisional": False,
        "calendar_version": "2025=v1",
        "entries": [{"kind": "STARTED", "at": _FILED, "reason": ""}],
        "remaining_seconds": 12600,
        "fired": ["first_reminder"],
        "next_due_at": "2025-11-04T15:36:00+08:00",
    },
}
EMERGENCY: Final[dict[str, Any]] = {
    "id": _ORDER_ID,
    "number": "GFT-2025-000124",
    "listing_id": _LISTING_ID,
    "organisation_id": "city-360100",
    "region": "360100",
    "reason_class": "FAULT",
    "on_order_of": None,
    "ordering_organisation": "city-360100",
    "ordered_at": _FILED,
    "notice_text": None,
    "alternative_channel": "南昌市政务服务大厅",
    "oral_report": ORAL_REPORT,
    "notice": {"id": "1c2d3e4f-5a6b-4c7d-8e9f-0a1b2c3d4e5f", "published_at": _FILED},
    "gateway": {"state": "CLOSED", "delisted_at": _FILED},
    "obligation": OBLIGATION,
    "written_filing_id": None,
    "revoked_filings": [],
    "version": 3,
}
FILING_TYPE: Final[dict[str, Any]] = {
    "filing_type": "DELIST",
    "title": "服务下架报备",
    "version": 1,
    "effective_from": "2025-08-04",
    "flow": "NOTIFY",
    "flow_local": "NOTIFY",
    "clause": "A11.3",
    "review": "update_review",
    "needs_plan_line": False,
    "needs_self_test": False,
    "needs_live_listing": True,
    "may_withdraw": True,
    "content_schema": {"type": "object", "required": ["reason"]},
    "diagrams": {"NOTIFY": "stateDiagram-v2\n    [*] --> DRAFT\n"},
    "versions": [1],
}
PARTNER: Final[dict[str, Any]] = {
    "organisation_id": "partner-demo",
    "region": "360100",
    "name": "示例数字服务有限公司（演示）",
    "uscc": "91360000MA0000000K",
    "state": "ACTIVE",
    "supervising_organisation": "city-360100",
    "data_scope": ["停车订单号"],
    "liaison_office": "示例公司政务合作部值班岗",
    "application_id": _FILING_ID,
    "active_since": _FILED,
    "valid_until": "2027-12-31",
    "forced_exit": None,
    "version": 1,
}
WINDOW: Final[dict[str, Any]] = {
    "id": _FILING_ID,
    "filing_id": _FILING_ID,
    "filing_type": "MAINTENANCE",
    "organisation_id": "jx-rst",
    "region": "36",
    "title": "核心数据库升级",
    "kind": "SYSTEM_UPGRADE",
    "listing_ids": [_LISTING_ID],
    "starts_at": "2025-11-15T00:00:00+08:00",
    "ends_at": "2025-11-15T06:00:00+08:00",
    "impact": "UNAVAILABLE",
    "state": "PLANNED",
    "change": 1,
    "filed_at": _FILED,
    "short_notice": False,
    "ended_at": None,
    "version": 1,
}
