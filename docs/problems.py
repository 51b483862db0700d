"""docs/problems.md: every error code with its status and its sentences in both languages."""

from collections.abc import Iterator, Sequence

from docs.markdown import GENERATED, table
from docs.sources import ROOT, message_files, modules, sentences
from shared.errors import DomainError

_HEAD = """# Problems

Every refusal is `application/problem+json` (RFC 9457) with a stable `code`; sentences may change,
codes do not. `type` is `/problems/<code>`, which answers with the same words. A clause of the
measures behind a refusal stands in `clause`. Codes without a status name one wrong member in
`errors`. The token endpoint answers as RFC 6749 §5.2 says.

"""


def errors() -> dict[str, list[type[DomainError]]]:
    """Every refusal of the suite by its code."""
    modules()
    found: dict[str, list[type[DomainError]]] = {}
    for error in _all(DomainError):
        if error.__module__.split(".")[0] in {"shared", "services", "gateway"}:
            found.setdefault(error.code, []).append(error)
    return found


def page() -> str:
    known = errors()
    parts = [GENERATED, _HEAD]
    for file in message_files():
        rows = [
            (
                f"`{code}`",
                _status(known.get(code, []), file.parent.name),
                _both(section, "zh-CN"),
                _both(section, "en"),
            )
            for code, section in sentences(file).items()
            if "." not in code
        ]
        if rows:
            title = file.parent.relative_to(ROOT).as_posix()
            parts.append(
                f"## {title}\n\n{table(('code', 'status', 'zh-CN', 'en'), sorted(rows))}\n"
            )
    return "".join(parts).rstrip("\n") + "\n"


def _status(kinds: Sequence[type[DomainError]], component: str) -> str:
    """The status of a code, by the component's own refusal where two share a word."""
    own = [kind for kind in kinds if component in kind.__module__.split(".")]
    return str((own or list(kinds))[0].status) if kinds else ""


def _both(section: dict[str, object], language: str) -> str:
    detail = section.get("detail")
    words = str(section[language])
    return f"{words}<br>{detail[language]}" if isinstance(detail, dict) else words


def _all(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _all(each)
