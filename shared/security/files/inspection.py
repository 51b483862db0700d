"""Looking through one file, with everything that lies inside it."""

from collections.abc import Iterable

from shared.security.errors import ClassifiedMarkerRefused
from shared.security.files import archives, texts
from shared.security.files.archives import Budget, shown
from shared.security.files.errors import (
    ArchiveTooLarge,
    FileTypeMismatch,
    FileTypeRefused,
    FileUnreadable,
    FileWithProgram,
)
from shared.security.files.kinds import (
    DOCUMENT_PARTS,
    FileKind,
    Limits,
    kind_by_name,
    kind_by_start,
)
from shared.security.markers import find_marker

_WORDS = (FileKind.TEXT, FileKind.CSV)
_PROGRAMS = ("vbaproject.bin", "vbadata.xml")


def inspect(data: bytes, *, name: str, declared: str, limits: Limits) -> FileKind:
    """What the file is; raises one of the refusals of `errors`, or ClassifiedMarkerRefused."""
    by_name = kind_by_name(name)
    if by_name is None or declared not in set(FileKind):
        raise FileTypeRefused(entry="")
    if not data:
        raise FileUnreadable
    found = _look(data, name, Budget.of(limits), depth=0)
    if not found == by_name == declared:
        raise FileTypeMismatch(found=found, declared=declared)
    return found


def _look(data: bytes, name: str, budget: Budget, *, depth: int, entry: str = "") -> FileKind:
    """The kind of these bytes; `entry` is where they lie, empty for the file itself."""
    _refuse_marks([name], entry)
    kind = kind_by_start(data)
    if kind is FileKind.ZIP:
        return _look_inside(data, budget, depth=depth, entry=entry)
    if kind is FileKind.PDF:
        _refuse_marks(texts.of_pdf(data, budget.limits), entry)
        return kind
    if kind is not None:  # a picture: only what its bytes say in words is seen
        _refuse_marks(texts.of_bytes(data), entry)
        return kind
    by_name = kind_by_name(name)
    if by_name not in _WORDS:
        raise FileTypeRefused(entry=entry)
    _refuse_marks([texts.of_plain(data)], entry)
    return by_name


def _look_inside(data: bytes, budget: Budget, *, depth: int, entry: str) -> FileKind:
    if depth > budget.limits.depth:
        raise ArchiveTooLarge(limit=budget.limits.depth)
    names, parts = archives.contents(data, budget)
    kind = next((kind for part, kind in DOCUMENT_PARTS if part in names), FileKind.ZIP)
    for part in parts:
        place = f"{entry}/{shown(part.name)}"
        if kind is FileKind.ZIP:
            _look(part.data, part.name, budget, depth=depth + 1, entry=place)
        else:
            _look_at_part(part, budget, depth=depth, entry=place)
    return kind


def _look_at_part(part: archives.Part, budget: Budget, *, depth: int, entry: str) -> None:
    """A part of an office document: markup, a picture, a font, or another document."""
    low = part.name.lower()
    if low.rpartition("/")[2] in _PROGRAMS:
        raise FileWithProgram(entry=entry)
    _refuse_marks([part.name], entry)
    if low.endswith((".xml", ".rels")):
        _refuse_marks([texts.of_xml(part.data)], entry)
    elif kind_by_start(part.data) in (FileKind.ZIP, FileKind.PDF):
        _look(part.data, part.name, budget, depth=depth + 1, entry=entry)
    else:
        _refuse_marks(texts.of_bytes(part.data), entry)


def _refuse_marks(found: Iterable[str], entry: str) -> None:
    for text in found:
        marker = find_marker(text)
        if marker is not None:
            raise ClassifiedMarkerRefused(clause="A21.4", kind=marker.kind.value, entry=entry)
