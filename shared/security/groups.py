"""The operator's permission groups: what its mandate names, and 运维 and 安全 beside it (A9.2).

Each operation that the operator may call belongs to one; public reads belong to none. The group
follows from the scope that an operation asks for, unless the operation stands here by its name.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Group(StrEnum):
    """In the order of A9; the last two come from A3's domains."""

    LISTING_MANAGEMENT = "LISTING_MANAGEMENT"
    EXPERIENCE = "EXPERIENCE"
    PAGE_CONFIGURATION = "PAGE_CONFIGURATION"
    SERVICE_EXPANSION = "SERVICE_EXPANSION"
    SERVICE_GOVERNANCE = "SERVICE_GOVERNANCE"
    CONTENT_PUBLISHING = "CONTENT_PUBLISHING"
    PROMOTION = "PROMOTION"
    COMPLAINT_HANDLING = "COMPLAINT_HANDLING"
    STATISTICS = "STATISTICS"
    PARTNERSHIP = "PARTNERSHIP"
    OPERATIONS = "OPERATIONS"
    SECURITY = "SECURITY"


TITLES: Final[Mapping[Group, str]] = MappingProxyType(
    {
        Group.LISTING_MANAGEMENT: "上下架管理",
        Group.EXPERIENCE: "体验优化",
        Group.PAGE_CONFIGURATION: "页面配置",
        Group.SERVICE_EXPANSION: "服务拓展",
        Group.SERVICE_GOVERNANCE: "服务治理",
        Group.CONTENT_PUBLISHING: "内容发布",
        Group.PROMOTION: "宣传推广",
        Group.COMPLAINT_HANDLING: "投诉处理",
        Group.STATISTICS: "统计分析",
        Group.PARTNERSHIP: "第三方合作",
        Group.OPERATIONS: "运维",
        Group.SECURITY: "安全",
    }
)

OF_SCOPE: Final[Mapping[str, Group]] = MappingProxyType(
    {
        "audit:read": Group.SECURITY,
        "bulletin:write": Group.STATISTICS,
        "catalog:write": Group.PAGE_CONFIGURATION,
        "entry:call": Group.EXPERIENCE,
        "events:manage": Group.OPERATIONS,
        "events:read": Group.OPERATIONS,
        "filing:emergency": Group.LISTING_MANAGEMENT,
        "filing:read": Group.LISTING_MANAGEMENT,
        "filing:write": Group.LISTING_MANAGEMENT,
        "incident:write": Group.OPERATIONS,
        "finding:write": Group.SERVICE_GOVERNANCE,
        "inspection:write": Group.OPERATIONS,
        "listing:read": Group.LISTING_MANAGEMENT,
        "monitoring:read": Group.OPERATIONS,
        "notice:write": Group.CONTENT_PUBLISHING,
        "person:disclose": Group.SECURITY,
        "person:read": Group.SERVICE_GOVERNANCE,
        "route:read": Group.OPERATIONS,
    }
)
OF_OPERATION: Final[Mapping[str, Group]] = MappingProxyType(
    {
        "getObligation": Group.SERVICE_GOVERNANCE,
        "listCoverage": Group.STATISTICS,
        "listObligations": Group.SERVICE_GOVERNANCE,
    }
)


def group_of(operation: str, scope: str | None) -> Group | None:
    return OF_OPERATION.get(operation) or (OF_SCOPE.get(scope) if scope is not None else None)
