"""Files: sent once, looked through before anything is stored, read through a filing."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.filing import commands, queries
from services.filing.commands import Upload
from services.filing.schemas import AttachmentView, FileName
from shared.http.operations import OperationRoute, Tx
from shared.security.encryption import Keyring
from shared.security.files import FileKind, inspect_apart

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "文件本身 / the file itself",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}, "example": "…"}
            for kind in FileKind
        },
    }
}


class UploadRoute(OperationRoute):
    """A file is looked through before the transaction begins: that may take seconds."""

    async def prepare(self, request: Request) -> Upload:
        data = await request.body()
        name = request.query_params.get("name", "")
        declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        state = request.app.state
        limits = await queries.upload_limits(state.database, state.policy_defaults)
        kind = await inspect_apart(data, name=name, declared=declared, limits=limits)
        return Upload(data, kind)


router = APIRouter(route_class=OperationRoute, tags=["附件"])
uploads = APIRouter(route_class=UploadRoute, tags=["附件"])


def keyring_of(request: Request) -> Keyring:
    keyring: Keyring = request.app.state.keyring
    return keyring


Keys = Annotated[Keyring, Depends(keyring_of)]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", examples=["0f" * 32])]


@uploads.post("/v1/attachments", status_code=201, openapi_extra=_BODY)
async def upload_attachment(
    tx: Tx,
    keyring: Keys,
    request: Request,
    name: Annotated[FileName, Query(description="文件名，后缀须与内容一致")],
) -> AttachmentView:
    stored = await commands.store_attachment(tx, request.state.prepared, keyring=keyring)
    return AttachmentView(
        name=name, sha256=stored.sha256, size=stored.size, media_type=FileKind(stored.media_type)
    )


@router.get("/v1/filings/{filing_id}/attachments/{sha256}", response_class=Response)
async def get_filing_attachment(tx: Tx, keyring: Keys, filing_id: UUID, sha256: Sha256) -> Response:
    found = await queries.read_attachment(tx, filing_id, sha256, keyring=keyring)
    return Response(
        found.data,
        media_type=found.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        },
    )


router.include_router(uploads)
