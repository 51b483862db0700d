"""The receipt of a filing as a document: printable, in one language, escaped, without script."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from services.filing.schemas.views import FilingView

Words = Callable[[str], str]

_STYLE: Final = (
    "body{font:16px/1.7 serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#111}"
    "h1{text-align:center;font-size:1.5rem}"
    "h2{font-size:1.1rem;margin:1.6rem 0 .4rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #666;padding:.3rem .6rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}"
    "th{background:#f2f2f2;font-weight:600}tbody th{width:11rem}"
    "footer{margin-top:1.6rem;color:#444;font-size:.85rem}"
    "@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}"
    "@page{size:A4;margin:20mm}"
)
# Nothing is loaded and nothing runs; the one style is named by its digest.
POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; style-src"
    f" 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
_DECISIONS: Final = frozenset(
    {"CONFIRM", "REFUSE", "RETURN", "ENDORSE", "ACCEPT", "APPROVE", "REJECT", "UPHOLD", "REVERSE"}
)


def receipt(filing: FilingView, words: Words, *, language: str) -> str:
    """What was filed, when, with which digests, and what was decided under which clause."""
    title = words("receipt.title")
    decided = [each for each in filing.history if each.action in _DECISIONS]
    return "".join(
        [
            f'<!DOCTYPE html><html lang="{escape(language)}"><head><meta charset="utf-8">',
            f"<title>{escape(title)} {escape(filing.number or '')}</title>",
            f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>",
            _facts(
                (
                    (words("receipt.number"), filing.number),
                    (words("receipt.type"), words(f"type.{filing.filing_type}")),
                    (words("receipt.state"), words(f"state.{filing.state}")),
                    (words("receipt.organisation"), filing.organisation_id),
                    (words("receipt.region"), filing.region),
                    (words("receipt.item"), filing.item_code),
                    (words("receipt.submitted"), _time(filing.submitted_at)),
                    (words("receipt.due"), _time(filing.due_at)),
                    (words("receipt.decided"), _time(filing.decided_at)),
                    (words("receipt.digest"), filing.digest),
                )
            ),
            _rows(
                words("receipt.rounds"),
                (
                    words("receipt.round"),
                    words("receipt.submitted"),
                    words("receipt.digest"),
                ),
                [
                    (str(each.round), _time(each.submitted_at) or "", each.digest)
                    for each in filing.rounds
                ],
            ),
            _rows(
                words("receipt.decisions"),
                (
                    words("receipt.time"),
                    words("receipt.decision"),
                    words("receipt.by"),
                    words("receipt.clause"),
                    words("receipt.opinion"),
                    words("receipt.evidence"),
                ),
                [
                    (
                        _time(each.at) or "",
                        words(f"action.{each.action}"),
                        each.organisation,
                        each.clause or "",
                        each.opinion,
                        ", ".join(f"{file['name']} {file['sha256']}" for file in each.evidence),
                    )
                    for each in decided
                ],
            ),
            f"<footer>{escape(words('receipt.note'))}<br>{filing.id}</footer></body></html>",
        ]
    )


def _time(at: datetime | None) -> str | None:
    return at.isoformat(sep=" ", timespec="seconds") if at is not None else None


def _facts(pairs: Iterable[tuple[str, str | None]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in pairs
        if value
    )
    return f"<table><tbody>{rows}</tbody></table>"


def _rows(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<h2>{escape(caption)}</h2><table><thead><tr>{names}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )
