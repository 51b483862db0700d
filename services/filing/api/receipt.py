"""The receipt of a filing, to be printed."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.filing import queries
from services.filing.errors import NothingFiled
from services.filing.schemas import RECEIPT_POLICY, receipt
from shared.http.operations import Language, OperationRoute, Tx

router = APIRouter(route_class=OperationRoute, tags=["报备"])


@router.get(
    "/v1/filings/{filing_id}/receipt",
    response_class=Response,
    responses={
        200: {
            "content": {
                "text/html": {
                    "schema": {"type": "string"},
                    "example": '<!DOCTYPE html><html lang="zh-CN">…</html>',
                }
            }
        }
    },
)
async def get_filing_receipt(
    tx: Tx, request: Request, language: Language, filing_id: UUID
) -> Response:
    view = await queries.show_filing(tx, filing_id)
    if view.number is None:
        raise NothingFiled(filing_id=filing_id)
    messages = request.app.state.messages
    document = receipt(view, lambda code: str(messages.title(code, language)), language=language)
    return Response(
        document.encode(),
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": RECEIPT_POLICY},
    )
