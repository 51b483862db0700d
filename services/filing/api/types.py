"""Filing types as data: what is in force, and the next version of one (F1)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.filing import commands, queries
from services.filing.rules import FilingKind
from services.filing.schemas import FilingTypeView, TypeVersionBody
from shared.http.operations import Language, OperationRoute, Tx

router = APIRouter(route_class=OperationRoute, tags=["报备类型"])


@router.get("/v1/filing-types")
async def list_filing_types(tx: Tx, request: Request, language: Language) -> list[FilingTypeView]:
    return await queries.list_types(tx, _labels(request, language))


@router.get("/v1/filing-types/{filing_type}")
async def get_filing_type(
    tx: Tx,
    request: Request,
    language: Language,
    filing_type: FilingKind,
    version: Annotated[int | None, Query(ge=1, le=10_000)] = None,
) -> FilingTypeView:
    return await queries.show_type(tx, filing_type, _labels(request, language), version=version)


@router.post("/v1/filing-types/{filing_type}/versions", status_code=201)
async def issue_filing_type_version(
    tx: Tx,
    request: Request,
    response: Response,
    language: Language,
    *,
    filing_type: FilingKind,
    body: TypeVersionBody,
) -> FilingTypeView:
    definition = body.model_dump(exclude={"effective_from"})
    made = await commands.issue_type_version(
        tx, filing_type, definition, effective_from=body.effective_from
    )
    response.headers["Location"] = f"/v1/filing-types/{filing_type}?version={made.version}"
    labels = _labels(request, language)
    return await queries.show_type(tx, filing_type, labels, version=made.version)


def _labels(request: Request, language: str) -> queries.Label:
    messages = request.app.state.messages
    return lambda code: str(messages.title(code, language))
