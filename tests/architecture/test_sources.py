"""What is written down: reasons beside ignores, no trace of a machine, no unfinished work."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.components import ROOT

NOQA = re.compile(r"#\s*noqa\b(?P<codes>:\s*[A-Z]+[0-9]+(?:\s*,\s*[A-Z]+[0-9]+)*)?(?P<why>.*)")
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<codes>\[[\w,\s-]+\])?(?P<why>.*)")
WORDS = re.compile(r"[A-Za-z]{3,}")
# Places on somebody's machine and where packages are fetched from do not belong to the project.
FOREIGN = {
    "a machine's path": re.compile(r"(?<![\w.-])/(?:home|Users|root|work)/[\w.-]+"),
    "a registry's address": re.compile(
        r"--(?:extra-)?index-url[= ]|pythonhosted|registry\.npm|proxy\.golang|pypi\.org/simple|https?://[^\s\"']*/simple\b"
    ),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE" + r" KEY-----"),
}
# Each begins with a class of one letter, so that a search for the words finds no line of this file.
UNFINISHED = re.compile(r"\b(?:[T]ODO|[F]IXME|[X]XX)\b|[N]otImplementedError")


@cache
def tracked() -> tuple[Path, ...]:
    """What git tracks or would track; every file of a folder that is no checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 git of the PATH is meant
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        return tuple(
            file
            for file in ROOT.rglob("*")
            if file.is_file() and not any(part.startswith(".") for part in file.parts)
        )
    names = listed.stdout.decode().split("\0")
    return tuple(ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file())


@cache
def texts() -> tuple[tuple[Path, str], ...]:
    """The tracked text files and what they say."""
    found = []
    for file in tracked():
        with suppress(UnicodeDecodeError):
            found.append((file, file.read_text("utf-8")))
    return tuple(found)


def lines(*endings: str) -> Iterator[tuple[str, str]]:
    """Place and text of each line of the tracked text files; this file describes what it seeks."""
    for file, text in texts():
        if file == Path(__file__) or (endings and file.suffix not in endings):
            continue
        name = file.relative_to(ROOT).as_posix()
        for number, line in enumerate(text.splitlines(), start=1):
            yield f"{name}:{number}", line


@pytest.mark.parametrize("ignore", [NOQA, TYPE_IGNORE], ids=["noqa", "type-ignore"])
def test_each_ignore_names_its_rule_and_its_reason(ignore: re.Pattern[str]):
    bare, above = [], ""
    for place, line in lines(".py"):
        found = ignore.search(line)
        explained = above.lstrip().startswith("#") or (found and WORDS.search(found["why"]))
        if found and not (found["codes"] and explained):
            bare.append(place)
        above = line

    assert bare == []


def test_each_rule_that_is_switched_off_says_why():
    inside, bare = False, []
    for number, line in enumerate((ROOT / "pyproject.toml").read_text("utf-8").splitlines(), 1):
        if re.match(r"(?:ignore = \[|\"[^\"]+\" = \[|ignore_missing_imports)", line):
            inside = not line.rstrip().endswith("]") and line.rstrip().endswith("[")
            if not inside and "#" not in line:
                bare.append(number)
        elif line.startswith("]"):
            inside = False
        elif inside and "#" not in line:
            bare.append(number)

    assert bare == []


@pytest.mark.parametrize("what", FOREIGN)
def test_nothing_tracked_tells_of_a_machine(what: str):
    found = [place for place, line in lines() if FOREIGN[what].search(line)]

    assert found == []


def test_nothing_is_left_unfinished():
    found = [place for place, line in lines(".py", ".toml", ".md") if UNFINISHED.search(line)]

    assert found == []


def test_the_words_of_unfinished_work_are_found_anywhere_and_not_in_this_file():
    parts = (("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("Not", "ImplementedError"))
    words = ["".join(pair) for pair in parts]
    own = Path(__file__).read_text("utf-8")

    assert [word for word in words if not UNFINISHED.search(f"raise it  # {word}: later")] == []
    assert [word for word in words if word in own] == []
    assert UNFINISHED.search(own) is None


def test_no_test_is_skipped_or_expected_to_fail():
    dodge = re.compile(r"mark\.(?:skip|skipif|xfail)\b|pytest\.(?:skip|xfail|importorskip)\(")

    assert [place for place, line in lines(".py") if dodge.search(line)] == []


def test_tests_patch_nothing():
    patching = re.compile(r"\bmonkeypatch\b|unittest\.mock|\bmock\.patch\b|from mock\b")

    assert [place for place, line in lines(".py") if patching.search(line)] == []
