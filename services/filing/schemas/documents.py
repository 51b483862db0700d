"""One document a type: what is filed, read strictly; GET /v1/filing-types shows the schemas."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from services.filing.rules import FilingKind
from services.filing.schemas.artefacts import ArtefactDocument
from services.filing.schemas.channels import ChannelDocument, RetentionDocument
from services.filing.schemas.contents import (
    Body,
    DelistDocument,
    EmergencyDocument,
    ListingDocument,
    PlanDocument,
)
from services.filing.schemas.partners import ApplicationDocument
from services.filing.schemas.windows import IncidentDocument, WindowDocument
from shared.http.problems import invalid_request

CONTENT_MODELS: Mapping[FilingKind, type[Body]] = {
    FilingKind.LISTING_PLAN: PlanDocument,
    FilingKind.LISTING: ListingDocument,
    FilingKind.UPDATE: ListingDocument,
    FilingKind.DELIST: DelistDocument,
    FilingKind.EMERGENCY_DELIST: EmergencyDocument,
    FilingKind.SUBHALL_RETENTION: RetentionDocument,
    FilingKind.CHANNEL_EXCEPTION: ChannelDocument,
    FilingKind.PARTNER_APPLICATION: ApplicationDocument,
    FilingKind.MAINTENANCE: WindowDocument,
    FilingKind.MAJOR_EVENT: WindowDocument,
    FilingKind.INCIDENT_REPORT: IncidentDocument,
    FilingKind.DOCUMENT: ArtefactDocument,
}
# A yearly list has routes of its own.
DirectKind = Literal[
    "LISTING",
    "UPDATE",
    "DELIST",
    "EMERGENCY_DELIST",
    "SUBHALL_RETENTION",
    "CHANNEL_EXCEPTION",
    "PARTNER_APPLICATION",
    "MAINTENANCE",
    "MAJOR_EVENT",
    "INCIDENT_REPORT",
    "DOCUMENT",
]


def content_schemas() -> list[dict[str, Any]]:
    """The JSON Schema of each document that POST /v1/filings takes, without references."""
    direct = {model: None for kind, model in CONTENT_MODELS.items() if kind != "LISTING_PLAN"}
    return [_inlined(model.model_json_schema()) for model in direct]


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    parts = schema.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, list):
            return [whole(each) for each in node]
        if not isinstance(node, dict):
            return node
        named = parts.get(str(node.get("$ref", "")).rpartition("/")[2], {})
        return {name: whole(each) for name, each in {**named, **node}.items() if name != "$ref"}

    found: dict[str, Any] = whole(schema)
    return found


def read_content(kind: FilingKind, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a type as JSON; wrong members are told as those of the body are (422)."""
    try:
        document = CONTENT_MODELS[kind].model_validate(dict(raw))
    except ValidationError as wrong:
        raise invalid_request(
            [{**each, "loc": ("body", "content", *each["loc"])} for each in wrong.errors()]
        ) from None
    return document.model_dump(mode="json")
