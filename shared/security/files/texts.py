"""The words inside a file, as a reader would see them."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from shared.errors import DomainError
from shared.security.files.errors import FileEncrypted, FileUnreadable, FileWithProgram
from shared.security.files.kinds import Limits

if TYPE_CHECKING:
    from pypdf import PdfReader

# Where a line ends in WordprocessingML, SpreadsheetML, DrawingML and OFD: a mark may be split over
# the runs of one paragraph, and two paragraphs never make one mark.
_LINES: Final = frozenset({"p", "si", "c", "br", "cr", "TextObject", "tr"})


def of_plain(data: bytes) -> str:
    """UTF-8 or GB18030; FileUnreadable for what is no text."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any(sign < " " and sign not in "\t\r\n\f" for sign in set(text)):
            break
        return text
    raise FileUnreadable


def of_xml(data: bytes) -> str:
    """The character data, a line a paragraph; a document type is refused, with its entities."""
    pieces: list[str] = []

    def refuse(*_: object) -> None:
        raise FileUnreadable

    def end(name: str) -> None:
        if name.rpartition(":")[2] in _LINES:
            pieces.append("\n")

    def begin(_: str, attributes: dict[str, str]) -> None:
        pieces.extend(f"\n{value}\n" for value in attributes.values() if "密" in value)

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.CharacterDataHandler = pieces.append
    try:
        parser.Parse(data, True)
    except expat.ExpatError:
        raise FileUnreadable from None
    return "".join(pieces)


def of_pdf(data: bytes, limits: Limits) -> Iterator[str]:
    """The text of each page, then what stands beside it: title, notes, form fields."""
    from pypdf import PdfReader  # here, because it takes a third of a second to load

    try:
        reader = PdfReader(io.BytesIO(data))
        _check(reader, limits)
        yield from _words(reader)
    except DomainError:
        raise
    except Exception:  # noqa: BLE001 what pypdf raises for broken files has no common name
        raise FileUnreadable from None


def _check(reader: "PdfReader", limits: Limits) -> None:
    if reader.is_encrypted:
        raise FileEncrypted
    if len(reader.pages) > limits.pages:
        raise FileUnreadable
    if _acts(reader.root_object) or reader.attachments:
        raise FileWithProgram


def _words(reader: "PdfReader") -> Iterator[str]:
    for page in reader.pages:
        yield page.extract_text()
        for note in page.annotations or ():
            yield str(note.get_object().get("/Contents", ""))
    yield from (str(value) for value in (reader.metadata or {}).values())
    yield from (str(value) for value in (reader.get_form_text_fields() or {}).values())


def _acts(root: dict[str, object]) -> bool:
    """Whether it runs something when it is opened."""
    names = root.get("/Names")
    scripts = isinstance(names, dict) and "/JavaScript" in names
    opening = root.get("/OpenAction")
    runs = isinstance(opening, dict) and opening.get("/S") in ("/JavaScript", "/Launch")
    return scripts or runs or "/AA" in root


def of_bytes(data: bytes) -> Iterator[str]:
    """What words an unknown format shows to anyone who looks at its bytes."""
    yield data.decode("utf-8", "ignore")
    yield data.decode("utf-16-le", "ignore")
    yield data[1:].decode("utf-16-le", "ignore")
