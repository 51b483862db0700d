"""Which clauses a decision may cite: the measures', and what the norm in force lists (C2). Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

ARTICLES: Final = 28
_OF_THE_MEASURES: Final = re.compile(r"A([1-9][0-9]?)(\.[1-9][0-9]?)?")
_OWN_NUMBER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9.\-]{0,38}[A-Za-z0-9]|[0-9])\s+\S")


def of_the_measures(clause: str) -> bool:
    """An article of the measures, or a part of one: A10, A10.3."""
    found = _OF_THE_MEASURES.fullmatch(clause)
    return found is not None and int(found[1]) <= ARTICLES


def known_clauses(checklist: Sequence[str]) -> Mapping[str, str]:
    """What a norm's checklist lets one cite, by code: a line's own number, else N and its place."""
    return {_own_number(line) or f"N{place}": line for place, line in enumerate(checklist, start=1)}


def _own_number(line: str) -> str | None:
    found = _OWN_NUMBER.match(line)
    return found[1] if found and any(each.isdigit() for each in found[1]) else None
