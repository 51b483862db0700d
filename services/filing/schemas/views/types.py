"""Types of filing, as callers see them."""

from datetime import date
from typing import Any

from pydantic import ConfigDict, Field

from services.filing.schemas import examples
from services.filing.schemas.views.rows import View


class FilingTypeView(View):
    """A type in one version: flow, gates, the JSON Schema of its document, its state diagram."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.FILING_TYPE]})

    filing_type: str
    title: str
    version: int
    effective_from: date
    flow: str
    flow_local: str
    clause: str
    review: str = Field(description="审查期限所用的政策参数，见 GET /v1/filing/policies")
    needs_plan_line: bool
    needs_self_test: bool
    needs_live_listing: bool
    may_withdraw: bool
    content_schema: dict[str, Any]
    diagrams: dict[str, str] = Field(description="Mermaid，按流程")
    versions: list[int]
