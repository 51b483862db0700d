"""The measures are covered: each clause is shown, still planned, or not software (P0 to A28)."""

import re

import pytest

from docs.features import features
from docs.regulation import clauses, planned
from docs.sources import marked_tests

# How many clauses may still be planned. Lower it with the list; it never rises.
MOST_PLANNED = 77
ARTICLES = 28


def test_every_article_of_the_measures_has_its_rows():
    ids = [clause.id for clause in clauses()]

    assert len(ids) == len(set(ids)) == 82
    assert {id_.partition(".")[0] for id_ in ids} == {
        "P0",
        *(f"A{article}" for article in range(1, ARTICLES + 1)),
    }


def test_the_parts_of_an_article_are_counted_without_a_gap():
    parts: dict[str, list[int]] = {}
    for clause in clauses():
        article, dot, part = clause.id.partition(".")
        if dot:
            parts.setdefault(article, []).append(int(part))

    assert all(found == list(range(1, len(found) + 1)) for found in parts.values())


def test_each_clause_is_told_in_both_languages():
    for clause in clauses():
        assert re.search("[\u4e00-\u9fff]", clause.zh), clause.id
        assert clause.en.isascii(), clause.id
        assert clause.owner, clause.id


def test_the_planned_list_names_exactly_what_no_test_shows():
    waiting = [clause.id for clause in clauses() if clause.status == "planned"]

    assert planned() == waiting, "`make docs` takes out what is shown; nothing is put in"
    assert len(waiting) <= MOST_PLANNED


def test_a_clause_that_is_shown_is_software():
    assert [clause.id for clause in clauses() if clause.tests and clause.why_not] == []


@pytest.mark.parametrize(
    ("mark", "known"),
    [
        ("clause", {clause.id for clause in clauses()}),
        ("feature", {id_ for rows in features().values() for id_ in rows}),
    ],
)
def test_each_mark_names_a_row_that_exists(mark: str, known: set[str]):
    assert marked_tests(mark).keys() - known == set()
