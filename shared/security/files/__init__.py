"""Files from outside: of a known type, true to their name, bounded, without a classified mark.

What is inside an office document, a PDF or an archive is read by a process of its own, with a
limit on time and memory: a hostile file can end that process, never the service (A21.4).
"""

from shared.security.files.errors import (
    ArchiveEntryRefused,
    ArchiveTooLarge,
    FileEncrypted,
    FileTypeMismatch,
    FileTypeRefused,
    FileUnreadable,
    FileWithProgram,
)
from shared.security.files.inspection import inspect
from shared.security.files.kinds import FileKind, Limits
from shared.security.files.process import inspect_apart, read_table_apart

__all__ = [
    "ArchiveEntryRefused",
    "ArchiveTooLarge",
    "FileEncrypted",
    "FileKind",
    "FileTypeMismatch",
    "FileTypeRefused",
    "FileUnreadable",
    "FileWithProgram",
    "Limits",
    "inspect",
    "inspect_apart",
    "read_table_apart",
]
