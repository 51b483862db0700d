"""A random sample that anybody can draw again: same seed, date and population, same sample. Pure.

Each member is ranked by SHA-256 over algorithm, seed, date and its own id; the lowest ranks are
drawn. No generator's state, no order of rows and no machine has a part in it.
"""

from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import Final
from uuid import UUID

ALGORITHM: Final = "sha256-rank"
VERSION: Final = 1


def draw(population: Iterable[UUID], *, seed: str, day: date, size: int) -> list[UUID]:
    """So many members, in the order in which they are drawn; all, where there are no more."""
    ranked = sorted(set(population), key=lambda each: (_rank(each, seed, day), each))
    return ranked[:size]


def population_digest(population: Iterable[UUID]) -> str:
    """Of the ids in their order, a line each: whoever has the list can compare it."""
    lines = "".join(f"{each}\n" for each in sorted(set(population)))
    return f"sha-256:{sha256(lines.encode()).hexdigest()}"


def _rank(member: UUID, seed: str, day: date) -> bytes:
    text = f"{ALGORITHM}/{VERSION}\n{seed}\n{day.isoformat()}\n{member}"
    return sha256(text.encode()).digest()
