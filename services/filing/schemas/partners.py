"""The partner's written application (A15.2)."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from services.filing.schemas.contents import (
    Attachment,
    Body,
    Day,
    Identifier,
    Office,
    Prose,
    Title,
    distinct,
)

APPLICATION_EXAMPLE: dict[str, Any] = {
    "partner_name": "示例数字服务有限公司（演示）",
    "uscc": "91360000MA0000000K",
    "qualifications": [
        {"name": "增值电信业务经营许可", "number": "DEMO-0001", "valid_until": "2028-12-31"}
    ],
    "agreement": {
        "title": "第三方业态合作协议",
        "signed_on": "2026-02-10",
        "valid_until": "2027-12-31",
        "file": {"name": "合作协议.pdf", "sha256": "0f" * 32, "size": 40960},
    },
    "services": "便民停车缴费。",
    "liability": "服务运行、投诉处理和数据安全由合作方负责。",
    "data_scope": ["停车订单号"],
    "supervising_organisation": "city-360100",
    "liaison_office": "示例公司政务合作部值班岗",
    "attachments": [],
}


class Qualification(Body):
    name: Title
    number: Title
    valid_until: Day


class Agreement(Body):
    title: Title
    signed_on: Day
    valid_until: Day
    file: Attachment


class ApplicationDocument(Body):
    """Who applies, what it may, what was agreed, who is liable, which data it needs (A15.2)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [APPLICATION_EXAMPLE]})

    partner_name: Title
    uscc: Annotated[
        str,
        Field(
            pattern="^[0-9A-HJ-NPQRTUWXY]{18}$",
            description="统一社会信用代码，末位为校验码（GB 32100-2015）",
        ),
    ]
    qualifications: Annotated[list[Qualification], Field(min_length=1, max_length=20)]
    agreement: Agreement
    services: Prose
    liability: Prose
    data_scope: Annotated[list[Title], Field(max_length=50), AfterValidator(distinct)]
    supervising_organisation: Identifier
    liaison_office: Office
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []
