"""Archives opened with care: nothing is unpacked before its table of contents has been believed."""

import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from shared.security.files.errors import (
    ArchiveEntryRefused,
    ArchiveTooLarge,
    FileEncrypted,
    FileUnreadable,
)
from shared.security.files.kinds import Limits

_END = b"PK\x05\x06"
_END_BYTES = 22
_HEADER_BYTES = 30
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_IN_UTF8 = 0x800
_OUTSIDE = re.compile(r"^[/~]|^[A-Za-z]:|\\|[\x00-\x1f\x7f]|(^|/)\.\.(/|$)")
_NAME_LENGTH = 255


@dataclass(slots=True)
class Budget:
    """What may still be unfolded, over all the archives inside one file."""

    limits: Limits
    bytes: int
    entries: int

    @classmethod
    def of(cls, limits: Limits) -> "Budget":
        return cls(limits, limits.expanded_bytes, limits.entries)

    def take(self, entries: list[zipfile.ZipInfo]) -> None:
        self.entries -= len(entries)
        self.bytes -= sum(entry.file_size for entry in entries)
        if self.entries < 0:
            raise ArchiveTooLarge(limit=self.limits.entries)
        if self.bytes < 0:
            raise ArchiveTooLarge(limit=self.limits.expanded_bytes)


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    data: bytes


def contents(data: bytes, budget: Budget) -> tuple[list[str], Iterator[Part]]:
    """The names inside, and the files one by one; refuses before anything is unpacked."""
    if data[-_END_BYTES : -_END_BYTES + len(_END)] != _END:
        raise FileUnreadable  # something follows the archive: it may be two files in one
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, RuntimeError):
        raise FileUnreadable from None
    entries = archive.infolist()
    budget.take(entries)
    _check_names(entries)
    _check_places(entries)
    files = [entry for entry in entries if not entry.is_dir()]
    return [_name(entry) for entry in files], (
        Part(_name(entry), _unpacked(archive, entry)) for entry in files
    )


def _check_names(entries: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for entry in entries:
        name = _name(entry)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if (
            _OUTSIDE.search(name)
            or len(name) > _NAME_LENGTH
            or name.casefold() in seen
            or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
        ):
            raise ArchiveEntryRefused(entry=shown(name))
        if entry.flag_bits & _ENCRYPTED:
            raise FileEncrypted(entry=shown(name))
        if entry.compress_type not in _METHODS:
            raise FileUnreadable(entry=shown(name))
        seen.add(name.casefold())


def _check_places(entries: list[zipfile.ZipInfo]) -> None:
    """No entry lies over another: that is how a small archive unfolds without end."""
    ends = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < ends:
            raise ArchiveEntryRefused(entry=shown(_name(entry)))
        ends = entry.header_offset + _HEADER_BYTES + entry.compress_size


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, RuntimeError):
        raise FileUnreadable(entry=shown(_name(entry))) from None


def _name(entry: zipfile.ZipInfo) -> str:
    """Chinese Windows writes names in GB18030 without saying so; zipfile then takes CP437."""
    if entry.flag_bits & _IN_UTF8:
        return entry.filename
    try:
        return entry.orig_filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return entry.orig_filename


def shown(name: str) -> str:
    """A name as an error may repeat it: short and printable."""
    return "".join(sign if sign.isprintable() else "?" for sign in name[:100])
