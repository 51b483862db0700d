"""The two READMEs say the same: same commands, same walk-through, links that lead somewhere."""

import re

import pytest

from tests.architecture.components import ROOT

BOTH = ("README.md", "README.zh-CN.md")
STEP = re.compile(r"<!-- step: ([a-z-]+) -->\n```bash\n(.*?)```", re.DOTALL)
PAGES = (*BOTH, "ARCHITECTURE.md", "CONTRIBUTING.md")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_both_walk_through_the_same_steps():
    english, chinese = (STEP.findall(text(name)) for name in BOTH)

    assert english == chinese
    assert len({step for step, _ in english}) == len(english) > 10


@pytest.mark.parametrize("name", BOTH)
def test_each_command_of_the_makefile_is_explained(name: str):
    named = set(re.findall(r"\| `make ([a-z-]+)` \|", text(name)))

    verbs = set(re.findall(r"^([a-z-]+):.*## ", text("Makefile"), re.MULTILINE))

    assert named <= verbs
    assert {"run", "reset", "test", "test-all", "check", "bench", "chaos", "docs"} <= named


@pytest.mark.parametrize("name", PAGES)
def test_each_link_leads_to_a_file(name: str):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text(name))

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_each_decision_names_its_reasons_and_its_check():
    sections = ("## Context", "## Decision", "## Rejected", "## Check")

    incomplete = [
        file.name
        for file in sorted((ROOT / "docs" / "decisions").glob("*.md"))
        if not all(section in file.read_text("utf-8") for section in sections)
    ]

    assert incomplete == []
