"""`make test` runs every test file, and each of them once."""

from pathlib import Path

from tests.__main__ import ALONE, SUITES, Suite
from tests.architecture.components import ROOT


def test_each_test_file_belongs_to_one_suite():
    files = (ROOT / "tests").rglob("test_*.py")

    times = {file: sum(has(suite, file) for suite in (*SUITES, *ALONE)) for file in files}

    assert {file: count for file, count in times.items() if count != 1} == {}


def has(suite: Suite, file: Path) -> bool:
    inside, outside = (
        any(file.is_relative_to(ROOT / path) for path in paths)
        for paths in (suite.paths, suite.without)
    )
    return inside and not outside
