"""How text is cut for the search: Chinese into pairs, Latin and digits into words."""

import re
import unicodedata
from dataclasses import dataclass
from operator import add
from typing import Final

_RUNS = re.compile(r"(?P<word>[a-z0-9]+)|(?P<run>(?:(?![a-z0-9_])\w)+)")
PAIR = 2


def normalised(text: str) -> str:
    """One form of width and case: NFKC and lower case."""
    return unicodedata.normalize("NFKC", text).lower()


def searchable(*parts: str) -> str:
    """The normalised text of a record; a line feed keeps a match from crossing two parts."""
    return "\n".join(normalised(part) for part in parts if part)


def terms(text: str) -> set[str]:
    """What normalised text is found by: its words, and the characters and pairs of its runs."""
    found: set[str] = set()
    for match in _RUNS.finditer(text):
        run = match["run"]
        if run is None:
            found.add(match["word"])
        else:
            found.update(run, map(add, run, run[1:]))
    return found


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query: `runs` must stand in the text as they are, `words` must each begin a word."""

    runs: tuple[str, ...]
    words: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.runs or self.words)

    def found_in(self, text: str) -> bool:
        """The definition of a match, on normalised text."""
        return all(run in text for run in self.runs) and all(
            re.search(rf"(?<![a-z0-9]){word}", text) for word in self.words
        )


NOTHING: Final = Wanted((), ())


def wanted(query: str) -> Wanted:
    """Read a query of one character and more; without any letter or digit it wants nothing."""
    found = list(_RUNS.finditer(normalised(query)))
    return Wanted(
        runs=tuple(dict.fromkeys(match["run"] for match in found if match["run"])),
        words=tuple(dict.fromkeys(match["word"] for match in found if match["word"])),
    )
