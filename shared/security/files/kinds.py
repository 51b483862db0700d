"""Which types are taken, and how they are told by their first bytes and their name."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FileKind(StrEnum):
    """The media type, which is also what an upload declares."""

    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    OFD = "application/ofd"  # GB/T 33190, the fixed-layout format of Chinese offices
    ZIP = "application/zip"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TEXT = "text/plain"
    CSV = "text/csv"


ENDINGS: Final[dict[str, FileKind]] = {
    "pdf": FileKind.PDF,
    "docx": FileKind.DOCX,
    "xlsx": FileKind.XLSX,
    "ofd": FileKind.OFD,
    "zip": FileKind.ZIP,
    "png": FileKind.PNG,
    "jpg": FileKind.JPEG,
    "jpeg": FileKind.JPEG,
    "txt": FileKind.TEXT,
    "csv": FileKind.CSV,
}
# The part that makes an archive a document of this kind; in this order, because a document may
# embed another below a folder of its own.
DOCUMENT_PARTS: Final[tuple[tuple[str, FileKind], ...]] = (
    ("word/document.xml", FileKind.DOCX),
    ("xl/workbook.xml", FileKind.XLSX),
    ("OFD.xml", FileKind.OFD),
)
_STARTS: Final[tuple[tuple[bytes, FileKind], ...]] = (
    (b"%PDF-", FileKind.PDF),
    (b"\x89PNG\r\n\x1a\n", FileKind.PNG),
    (b"\xff\xd8\xff", FileKind.JPEG),
    (b"PK\x03\x04", FileKind.ZIP),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a file may unfold: bytes, entries, archives in archives, pages, seconds."""

    expanded_bytes: int = 100 * 1024 * 1024
    entries: int = 1000
    depth: int = 2
    pages: int = 2000
    seconds: int = 20


def kind_by_start(data: bytes) -> FileKind | None:
    """What the first bytes say; None when they say nothing: text, or something else."""
    return next((kind for start, kind in _STARTS if data.startswith(start)), None)


def kind_by_name(name: str) -> FileKind | None:
    _, dot, ending = name.rpartition(".")
    return ENDINGS.get(ending.lower()) if dot else None
