"""Bodies of the gateway's own resources."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictStr, model_validator

from gateway.route_rules import RouteRule
from shared.security.identity import Role


class RouteRuleBody(BaseModel):
    """What is set on top of a route's row; with `enforce_from` it only logs until that day."""

    model_config = ConfigDict(extra="forbid")

    roles: Annotated[list[Role] | None, Field(max_length=16)] = None
    scope: Annotated[StrictStr | None, Field(max_length=40)] = None
    enforce_from: date | None = None

    def rule(self) -> RouteRule:
        roles = None if self.roles is None else frozenset(self.roles)
        return RouteRule(roles, self.scope, self.enforce_from)


class RouteChange(BaseModel):
    """Rules by operation; null takes a rule away, what is not named stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "rules": {
                        "listPendingListings": {
                            "roles": ["PROVINCE", "CITY"],
                            "scope": "listing:read",
                            "enforce_from": "2026-12-31",
                        }
                    },
                    "reason": "县级改由设区市统一查看（演示）",
                }
            ]
        },
    )

    rules: Annotated[
        dict[Annotated[StrictStr, Field(max_length=64)], RouteRuleBody | None],
        Field(min_length=1, max_length=200),
    ]
    reason: Annotated[StrictStr, Field(min_length=2, max_length=200)]


class RouteRestoration(BaseModel):
    """Why an earlier version's rules are taken up again."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "误改，恢复（演示）"}]}
    )

    reason: Annotated[StrictStr, Field(min_length=2, max_length=200)]


class RouteRuleView(BaseModel):
    roles: list[str] | None
    scope: str | None
    enforce_from: date | None = Field(description="only logs until this day")


class RouteView(BaseModel):
    """One row of the route table, with the rule that is set on top of it."""

    operation: str
    method: str
    path: str
    service: str
    effect: str
    scope: str | None
    roles: list[str]
    deprecated: datetime | None
    sunset: datetime | None
    rule: RouteRuleView | None


class RouteVersionView(BaseModel):
    """One version of the route table: who set which rules on a release's rows, when and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": 2,
                    "base": "sha-256:…",
                    "digest": "sha-256:…",
                    "rules": {
                        "listPendingListings": {
                            "roles": ["CITY", "PROVINCE"],
                            "scope": "listing:read",
                            "enforce_from": "2026-12-31",
                        }
                    },
                    "reason": "县级改由设区市统一查看（演示）",
                    "set_by": "jx-zwfw",
                    "set_at": "2026-11-23T09:00:00+08:00",
                }
            ]
        }
    )

    version: int
    base: str
    digest: str
    rules: dict[str, RouteRuleView]
    reason: str
    set_by: str
    set_at: datetime


class LogOnlyFindingView(BaseModel):
    """Calls of one client that a log-only rule would have refused."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "operation": "listPendingListings",
                    "client_id": "donghu-filing",
                    "organisation_id": "county-360102",
                    "role": "COUNTY",
                    "reason": "route_closed",
                    "calls": 12,
                    "first_at": "2026-11-23T09:00:00+08:00",
                    "last_at": "2026-11-23T09:05:00+08:00",
                }
            ]
        }
    )

    operation: str
    client_id: str
    organisation_id: str
    role: str
    reason: str = Field(description="the code of the refusal that would have been; extensible")
    calls: int
    first_at: datetime
    last_at: datetime


class RouteTableView(BaseModel):
    """The version that serves now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": 1,
                    "digest": "sha-256:…",
                    "set_at": "2026-11-23T09:00:00+08:00",
                    "routes": [],
                }
            ]
        }
    )

    version: int
    digest: str
    set_at: datetime
    routes: list[RouteView]


class ConsumerRequest(BaseModel):
    """A console's durable consumer; it starts at the beginning unless told otherwise."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "nanchang", "filter_subjects": ["events.*.*.*.360100", "events.*.*.*.36"]}
            ]
        },
    )

    name: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    filter_subjects: Annotated[
        list[Annotated[StrictStr, Field(max_length=120)]], Field(min_length=1, max_length=32)
    ]
    from_sequence: Annotated[int | None, Field(strict=True, ge=1, le=2**53)] = None
    from_time: AwareDatetime | None = None

    @model_validator(mode="after")
    def _one_start(self) -> "ConsumerRequest":
        if self.from_sequence is not None and self.from_time is not None:
            raise ValueError("from_sequence or from_time, not both")
        return self


class ConsumerView(BaseModel):
    """What a console needs to read: its consumer and the NATS permissions of its user."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "nanchang",
                    "stream": "EVENTS",
                    "consumer": "console-nanchang",
                    "filter_subjects": ["events.>"],
                    "inbox_prefix": "_INBOX_console-nanchang",
                    "permissions": {
                        "publish": ["$JS.API.CONSUMER.MSG.NEXT.EVENTS.console-nanchang"],
                        "subscribe": ["_INBOX_console-nanchang.>"],
                    },
                    "pending": 12,
                    "unacknowledged": 0,
                    "created_at": "2026-11-23T09:00:00+08:00",
                }
            ]
        }
    )

    name: str
    stream: str
    consumer: str
    filter_subjects: list[str]
    inbox_prefix: str
    permissions: dict[str, list[str]]
    pending: int
    unacknowledged: int
    created_at: datetime | None


class ProblemType(BaseModel):
    """What a problem's `type` resolves to: the code explained in both languages."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "not_found",
                    "title": {"zh-CN": "没有找到", "en": "Not found"},
                    "detail": None,
                }
            ]
        }
    )

    code: str
    title: dict[str, str]
    detail: dict[str, str] | None


JsonSchema = dict[str, Any]
