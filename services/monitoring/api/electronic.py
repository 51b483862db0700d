"""The rules of electronic supervision (A24.1)."""

from fastapi import APIRouter, Request, Response

from services.monitoring.queries import electronic
from services.monitoring.schemas.electronic import RuleView
from shared.http.operations import OperationRoute
from shared.http.pagination import Page, Paging, link_next

router = APIRouter(route_class=OperationRoute, tags=["监督检查"])


@router.get("/v1/electronic-rules")
async def list_electronic_rules(
    request: Request, response: Response, page: Paging
) -> Page[RuleView]:
    items, cursor = electronic.list_rules(page)
    link_next(request, response, cursor)
    return Page(items=list(items), next_cursor=cursor)
