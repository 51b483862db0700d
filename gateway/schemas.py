"""Bodies of the gateway's own resources."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictStr, model_validator


class RouteView(BaseModel):
    """One row of the route table."""

    operation: str
    method: str
    path: str
    service: str
    effect: str
    scope: str | None
    roles: list[str]


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
