"""Which files a document names, and the place to which a file's encryption is bound."""

from collections.abc import Iterator, Mapping
from typing import Any

Cited = tuple[str, Mapping[str, Any]]


def cited_in(value: Any, pointer: str = "") -> Iterator[Cited]:
    """Every `{name, sha256, size?}` in a document, with its RFC 6901 pointer."""
    if isinstance(value, Mapping):
        if value.keys() >= {"name", "sha256"}:
            yield pointer, value
        else:
            for name, member in value.items():
                yield from cited_in(member, f"{pointer}/{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from cited_in(member, f"{pointer}/{index}")


def content_context(organisation: str, digest: str) -> str:
    return f"attachments|content|{organisation}|{digest}"
