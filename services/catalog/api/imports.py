"""Bulk imports: a job that is accepted at once and worked beside (DEP4)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from services.catalog.api.persons import Keys
from services.catalog.commands import imports as commands
from services.catalog.commands.import_rows import Row
from services.catalog.errors import ImportFileWrong
from services.catalog.queries import imports
from services.catalog.rules.tables import (
    LAYOUTS,
    MAX_ROWS,
    FileFlaw,
    decode,
    read_csv,
    read_sheet,
    write_csv,
)
from services.catalog.schemas.imports import ImportView
from shared.errors import FieldError
from shared.http.operations import OperationRoute, Tx
from shared.security.files import FileKind, read_table_apart
from shared.spreadsheets import write_xlsx


class FileRoute(OperationRoute):
    """A workbook is looked through and read before the transaction begins: that takes a second."""

    async def prepare(self, request: Request) -> list[list[str]] | None:
        declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if declared != FileKind.XLSX:
            return None
        state = request.app.state
        limits = await imports.file_limits(state.database, state.policy_defaults)
        return await read_table_apart(await request.body(), limits=limits, most=MAX_ROWS + 2)


router = APIRouter(route_class=OperationRoute, tags=["批量导入"])
files = APIRouter(route_class=FileRoute, tags=["批量导入"])
CSV = "text/csv"
Form = Annotated[
    Literal["csv", "xlsx"],
    Query(alias="format", description="文件格式 / the form of the file", examples=["xlsx"]),
]
Resource = Annotated[
    str,
    Path(
        pattern="^[a-z-]{1,40}$",
        description=" | ".join(LAYOUTS),
        examples=["regions"],
    ),
]


def _file_answer(example: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {
            "description": "CSV, UTF-8 with BOM; XLSX when it is asked for",
            "content": {
                CSV: {"schema": {"type": "string"}, "example": example},
                FileKind.XLSX: {
                    "schema": {"type": "string", "format": "binary"},
                    "example": "…",
                },
            },
        }
    }


_BODY = {
    "requestBody": {
        "required": True,
        "description": "表格的列见模板；列表单元格用 ; 分隔 / columns as in the template",
        "content": {
            CSV: {
                "schema": {"type": "string", "format": "binary"},
                "example": "id,name,level,parent,gb2260\n36,江西省,province,,360000\n",
            },
            FileKind.XLSX: {"schema": {"type": "string", "format": "binary"}, "example": "…"},
            "application/json": {
                "schema": {"type": "array", "items": {"type": "object"}, "maxItems": 20_000},
                "example": [{"id": "36", "name": "江西省", "level": "PROVINCE"}],
            },
        },
    }
}


@router.get(
    "/v1/import-templates/{resource}",
    response_class=Response,
    responses=_file_answer("id,name,level,parent,gb2260\n"),
)
async def get_import_template(resource: Resource, form: Form = "csv") -> Response:
    commands.refuse_unknown_resource(resource)
    return _file(imports.import_template(resource), resource, form)


@files.post("/v1/imports/{resource}", status_code=202, openapi_extra=_BODY)
async def start_import(
    *,
    tx: Tx,
    keyring: Keys,
    resource: Resource,
    request: Request,
    response: Response,
    dry_run: Annotated[bool, Query(description="只算不改 / say what it would do")] = False,
) -> ImportView:
    commands.refuse_unknown_resource(resource)
    rows = await _rows(request, resource)
    job = await commands.start_import(tx, resource, rows, dry_run=dry_run, keyring=keyring)
    tx.after_commit(request.app.state.import_nudge.set)
    response.headers["Location"] = f"/v1/import-jobs/{job.id}"
    return imports.import_view(job)


@router.get("/v1/import-jobs/{import_id}")
async def get_import(tx: Tx, import_id: UUID, request: Request) -> ImportView:
    return await imports.get_import(tx, import_id, request.app.state.messages)


@router.get(
    "/v1/import-jobs/{import_id}/errors",
    response_class=Response,
    responses=_file_answer("row,column,code,zh-CN,en\n2,parent,region_unknown,没有这个地区,No\n"),
)
async def get_import_errors(
    tx: Tx,
    import_id: UUID,
    request: Request,
    form: Form = "csv",
) -> Response:
    lines = await imports.get_import_errors(tx, import_id, request.app.state.messages)
    return _file(lines, f"import-errors-{import_id}", form)


async def _rows(request: Request, resource: str) -> list[Row]:
    """The rows of the body, whichever of the three forms it has."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    sheet: list[list[str]] | None = request.state.prepared
    try:
        if sheet is not None:
            rows: list[Row] = list(read_sheet(resource, sheet))
            request.app.state.refuse_classified(rows)
            return rows
        if media_type.strip().lower() != CSV:
            return commands.json_rows(resource, await _document(request))
        name, _, charset = parameters.strip().partition("=")
        text = decode(await request.body(), charset if name.lower() == "charset" else None)
        rows = list(read_csv(resource, text))
    except FileFlaw as flaw:
        raise ImportFileWrong(errors=[FieldError("", flaw.code, flaw.params)]) from None
    request.app.state.refuse_classified(rows)
    return rows


async def _document(request: Request) -> Any:
    if not await request.body():
        raise FileFlaw("import_empty")
    return await request.json()


def _file(lines: imports.Table, name: str, form: str) -> Response:
    xlsx = form == "xlsx"
    return Response(
        write_xlsx(lines) if xlsx else write_csv(lines),
        media_type=FileKind.XLSX if xlsx else "text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


router.include_router(files)
