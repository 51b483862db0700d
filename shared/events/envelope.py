"""CloudEvents 1.0, structured JSON, and the rule that makes a NATS subject of it."""

import re
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

STREAM = "EVENTS"
CONTENT_TYPE = "application/cloudevents+json"
_TYPE = re.compile(r"^(?P<source>[a-z]+)\.(?P<fact>[a-z][a-z_]*)\.v(?P<major>[1-9]\d*)$")

REGISTRY: dict[str, type["Event"]] = {}


class Event(BaseModel):
    """A fact that others may rely on: past tense, ids and facts only, no personal data.

    Declared as `class FilingAccepted(Event, type="filing.accepted.v1")`. A new optional field is
    free; anything else is a new class with a new major version.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    source: ClassVar[str]
    fact: ClassVar[str]
    major: ClassVar[int]

    def __init_subclass__(cls, *, type: str | None = None, **kwargs: Any) -> None:  # noqa: A002 the CloudEvents attribute is called type
        super().__init_subclass__(**kwargs)
        if type is None:
            return
        parts = _TYPE.match(type)
        if parts is None:
            raise TypeError(f"{cls.__name__}: event type {type!r} is not <service>.<fact>.v<major>")
        if type in REGISTRY and REGISTRY[type].__qualname__ != cls.__qualname__:
            raise TypeError(f"{cls.__name__}: event type {type!r} is taken")
        cls.type = type
        cls.source = parts["source"]
        cls.fact = parts["fact"]
        cls.major = int(parts["major"])
        REGISTRY[type] = cls


Data = TypeVar("Data")


class Envelope(BaseModel, Generic[Data]):
    """One event as it travels; `sequence` counts the events of its `subject` from 1."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: str = Field(default="1.0", pattern="^1\\.0$")
    id: UUID
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    dataschema: str
    sequence: int = Field(ge=1)
    region: str
    traceparent: str | None = None
    data: Data


def nats_subject(event: type[Event], region: str) -> str:
    """`events.<service>.<fact>.v<major>.<region>`."""
    return f"events.{event.source}.{event.fact}.v{event.major}.{region}"


def dataschema(event_type: str, base: str) -> str:
    """Where the gateway at `base` serves the JSON Schema of an event type."""
    return f"{base}/schemas/events/{event_type}.json"
