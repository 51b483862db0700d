"""Why a file is not taken; `entry` names the place inside an archive, empty for the file itself."""

from shared.errors import Invalid, UnsupportedMediaType


class FileTypeRefused(UnsupportedMediaType):
    """What the bytes show is none of the types that are taken."""

    code = "file_type_refused"
    members = ("entry",)


class FileTypeMismatch(Invalid):
    """The bytes are of another type than the name or the media type says."""

    code = "file_type_mismatch"
    members = ("found", "declared")


class FileUnreadable(Invalid):
    """Broken, or so made that it cannot be read within the limits of time and memory."""

    code = "file_unreadable"
    members = ("entry",)


class FileEncrypted(Invalid):
    """What cannot be read cannot be looked at (A21.4)."""

    code = "file_encrypted"
    members = ("entry",)


class FileWithProgram(Invalid):
    """Macros, scripts, or files hidden inside a PDF."""

    code = "file_with_program"
    members = ("entry",)


class ArchiveTooLarge(Invalid):
    """Unpacked it would be larger, deeper, or of more entries than a policy allows."""

    code = "archive_too_large"
    members = ("limit",)


class ArchiveEntryRefused(Invalid):
    """An entry that points outside, links, repeats a name, or lies over another."""

    code = "archive_entry_refused"
    members = ("entry",)


REFUSALS = {
    kind.code: kind
    for kind in (
        FileTypeRefused,
        FileTypeMismatch,
        FileUnreadable,
        FileEncrypted,
        FileWithProgram,
        ArchiveTooLarge,
        ArchiveEntryRefused,
    )
}
