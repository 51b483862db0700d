"""Every refusal and every operation speaks both languages, with the same facts in each (API8)."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from docs.problems import errors
from docs.sources import message_files, sentences
from gateway.errors import OAuthRefusal
from shared.http.openapi import summary_key
from shared.security.access import OPERATIONS
from tests.architecture.components import COMPONENTS, ROOT, python_files

LANGUAGES = ("zh-CN", "en")
FILES = [pytest.param(file, id=file.relative_to(ROOT).as_posix()) for file in message_files()]


def places(sentence: str) -> Counter[str]:
    return Counter(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)


def all_sections() -> dict[str, dict[str, Any]]:
    return {code: section for file in message_files() for code, section in sentences(file).items()}


def spoken(section: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The title of a section, its detail, and any further pair of sentences."""
    yield {key: text for key, text in section.items() if not isinstance(text, dict)}
    yield from (part for part in section.values() if isinstance(part, dict))


@pytest.mark.feature("API8")
@pytest.mark.parametrize("file", FILES)
def test_each_sentence_stands_in_both_languages_with_the_same_places(file: Path):
    wrong = [
        code
        for code, section in sentences(file).items()
        for pair in spoken(section)
        if set(pair) != set(LANGUAGES)
        or not all(isinstance(text, str) and text.strip() for text in pair.values())
        or places(pair["zh-CN"]).keys() != places(pair["en"]).keys()
    ]

    assert wrong == []


@pytest.mark.parametrize("file", FILES)
def test_each_chinese_sentence_is_chinese(file: Path):
    latin = [
        code
        for code, section in sentences(file).items()
        for pair in spoken(section)
        if not any("\u4e00" <= letter <= "\u9fff" for letter in pair["zh-CN"])
    ]

    assert latin == []


@pytest.mark.feature("API2")
def test_each_refusal_has_its_sentences():
    known = all_sections()

    silent = sorted(code for code in errors() if code not in known)

    assert silent == []


@pytest.mark.feature("API2")
def test_a_code_means_one_status():
    ours = {  # the token endpoint speaks RFC 6749's words, not ours (docs/decisions/0007)
        code: [kind for kind in kinds if not issubclass(kind, OAuthRefusal)]
        for code, kinds in errors().items()
    }
    statuses = {code: {kind.status for kind in kinds} for code, kinds in ours.items()}

    assert {code: found for code, found in statuses.items() if len(found) > 1} == {}


@pytest.mark.feature("API1")
def test_each_operation_has_its_summary():
    known = all_sections()
    served = [each for each in OPERATIONS.values() if each.service in COMPONENTS]

    silent = [each.id for each in served if summary_key(each) not in known]

    assert silent == []


def test_no_operation_is_described_that_does_not_exist():
    named = {code for code in all_sections() if code.startswith("operation.")}

    assert named - {summary_key(each) for each in OPERATIONS.values()} == set()


def test_no_sentence_is_an_orphan():
    written = "\n".join(
        file.read_text("utf-8") for file in python_files("shared", "services", "gateway", "deploy")
    )
    codes = errors()

    orphans = [
        code
        for code in all_sections()
        if code not in codes
        and not code.startswith("operation.")
        and f'"{code}"' not in written
        and f'"{code.partition(".")[0]}.' not in written
    ]

    assert orphans == []
