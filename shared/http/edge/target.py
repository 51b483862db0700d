"""Which request targets and framings are accepted: one spelling of a path, one length of a body."""

import re
from urllib.parse import unquote_to_bytes

# `/`, `\`, `.` and NUL in disguise, dot segments, empty segments: two readers may disagree on them
_DISGUISED = re.compile(rb"%(?:2f|5c|2e|00)|\\|//|/\.{1,2}(?:/|$)", re.IGNORECASE)
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(rb"([A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_LENGTH_DIGITS = 18  # fits a signed 64-bit number


def target_accepted(target: bytes) -> bool:
    """Origin form only, without fragment, and a path that has one meaning (valid UTF-8 inside)."""
    if not target.startswith(b"/") or b"#" in target or not target.isascii():
        return False
    path = target.partition(b"?")[0]
    if _DISGUISED.search(path):
        return False
    if b"%" in path:
        if _BAD_ESCAPE.search(path):
            return False
        try:
            unquote_to_bytes(path).decode("utf-8")
        except UnicodeDecodeError:
            return False
    return True


def framing_accepted(headers: list[tuple[bytes, bytes]], version: str) -> bool:
    """At most one Content-Length of digits, or one `chunked` under HTTP/1.1; never both."""
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if codings:
        return not lengths and version == "1.1" and [c.lower() for c in codings] == [b"chunked"]
    return len(lengths) <= 1 and all(
        length.isdigit() and len(length) <= _LENGTH_DIGITS for length in lengths
    )


def host_name(value: bytes) -> str | None:
    """The name in a Host field, lower case and without its port; None where it is no host."""
    match = _HOST.fullmatch(value)
    return match[1].decode().lower() if match else None
