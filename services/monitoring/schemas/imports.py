"""Configurations of other tools, and what becomes of them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool

from services.monitoring.rules.imports import Format
from services.monitoring.schemas.fields import Body, Printable, View, example, shown

_LISTING = "0199f0a0-0000-7000-8000-0000000000a1"
_GATUS = """\
endpoints:
  - name: query
    url: https://rst.example.invalid/api/status
    interval: 1m
    conditions: ["[STATUS] == 200"]
    alerts: [{type: email}]
"""


class ImportTarget(Body):
    """What blackbox_exporter is asked: a target, and the module to probe it with."""

    model_config = example({"module": "http_2xx", "target": "https://rst.example.invalid/"})

    module: Annotated[str, Field(min_length=1, max_length=100), Printable]
    target: Annotated[str, Field(min_length=1, max_length=2000), Printable]


class ImportInput(Body):
    """The YAML as it is; without `dry_run` all its entries become probes, or none does."""

    model_config = example(
        {
            "listing_id": _LISTING,
            "format": "GATUS",
            "document": _GATUS,
            "targets": [],
            "dry_run": True,
        }
    )

    listing_id: UUID
    format: Literal["GATUS", "BLACKBOX"]
    document: Annotated[str, Field(min_length=1, max_length=100_000)]
    targets: Annotated[list[ImportTarget], Field(max_length=100)] = Field(default_factory=list)
    dry_run: StrictBool = True

    @property
    def form(self) -> Format:
        return Format(self.format)


_PLANNED: dict[str, Any] = {
    "place": "/endpoints/0",
    "name": "query",
    "url": "https://rst.example.invalid/api/status",
    "method": "GET",
    "conditions": ["[STATUS] == 200"],
    "interval_seconds": 60,
    "timeout_seconds": 10,
    "redirects": 10,
    "paused": False,
}


class PlannedView(View):
    """A probe that an entry becomes; `place` is where the entry stands in the document."""

    model_config = shown(_PLANNED)

    place: str
    name: str
    url: str
    method: str
    conditions: list[str]
    interval_seconds: int
    timeout_seconds: int
    redirects: int
    paused: bool


class ImportFlaw(View):
    """What is wrong with an entry, and where."""

    model_config = shown({"pointer": "/endpoints/1/url", "code": "target.scheme"})

    pointer: str
    code: str


class ImportView(View):
    """`left` names, place by place, what cannot be carried over; `created` is empty when dry."""

    model_config = shown(
        {
            "dry_run": True,
            "probes": [_PLANNED],
            "errors": [],
            "left": ["/endpoints/0/alerts"],
            "created": [],
        }
    )

    dry_run: bool
    probes: list[PlannedView]
    errors: list[ImportFlaw]
    left: list[str]
    created: list[UUID]
