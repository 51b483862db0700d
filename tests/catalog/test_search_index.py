"""The in-process index against its definition: nothing missed, nothing too much, in one order."""

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.queries.search_index import Entry, Search, SearchIndex
from services.catalog.rules.search_terms import normalised, searchable, wanted
from shared.security.identity import scope_prefix

WORDS = ["社保", "社会保险", "医保卡", "公积金", "ETC", "etc办理", "12345", "社", "保社", "Ａpp"]
TITLES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map("".join)
REGIONS = st.sampled_from(["36", "360100", "360102", "360400", "36GJ00"])
CODES = st.sampled_from(["01", "20"])
KINDS = st.sampled_from(["STANDARD", "LOCAL_SCENARIO"])
STATES = st.sampled_from(["LISTED", "SUSPENDED", "DELISTED", "ARCHIVED"])
FEW = st.lists(st.sampled_from(["1", "2"]), min_size=1, max_size=2, unique=True).map(tuple)


@st.composite
def entries(draw, number=None):
    title, summary = draw(TITLES), draw(TITLES)
    number = draw(st.integers(1, 12)) if number is None else number
    return Entry(
        id=UUID(int=number),
        number=number,
        epoch=draw(st.integers(1, 50)),
        state=draw(STATES),
        region=draw(REGIONS),
        organisation=draw(st.sampled_from(["jx-rst", "city-360100"])),
        item_type=draw(CODES),
        item="demo-1",
        kind=draw(KINDS),
        audiences=draw(FEW),
        channels=("APP",),
        title_text=normalised(title),
        search_text=searchable(title, summary),
    )


SEARCHES = st.builds(
    Search,
    q=st.sampled_from(
        ["", "社", "社保", "保社保", "会保险", "et", "etc", "123", "app 社", "，", "无"]
    ),
    region=st.sampled_from(["", "36", "360100", "360102", "36GJ00"]),
    include_provincial=st.booleans(),
    organisation=st.sampled_from(["", "jx-rst"]),
    item_type=st.sampled_from(["", "20", "99"]),
    kind=st.sampled_from(["", "STANDARD"]),
    audience=st.sampled_from(["", "1"]),
    states=st.sampled_from([("LISTED",), ("LISTED", "DELISTED"), ("ARCHIVED",)]),
)


def matches(entry: Entry, search: Search) -> bool:
    """The definition, written without the index."""
    asked = wanted(search.q)
    in_region = (
        not search.region
        or entry.region.startswith(scope_prefix(search.region))
        or (search.include_provincial and entry.region == "36")
    )
    return (
        entry.state in search.states
        and entry.state != "ARCHIVED"
        and in_region
        and (not search.q or (bool(asked) and asked.found_in(entry.search_text)))
        and search.organisation in ("", entry.organisation)
        and search.item_type in ("", entry.item_type)
        and search.kind in ("", entry.kind)
        and (not search.audience or search.audience in entry.audiences)
    )


def expected(stored: dict[UUID, Entry], search: Search) -> list[UUID]:
    asked = wanted(search.q)
    found = [entry for entry in stored.values() if matches(entry, search)]
    found.sort(
        key=lambda entry: (bool(search.q) and not asked.found_in(entry.title_text), entry.number)
    )
    return [entry.id for entry in found]


def as_they_come(drawn: list[Entry]) -> list[Entry]:
    """New listings are numbered upwards, as the epoch does; the others are changes of those."""
    last, changes = 0, []
    for entry in drawn:
        last = max(last, min(entry.number, last + 1))
        number = min(entry.number, last)
        changes.append(replace(entry, id=UUID(int=number), number=number))
    return changes


@pytest.mark.feature("C3")
@settings(max_examples=150, deadline=None)
@given(
    st.lists(entries(), max_size=30).map(as_they_come),
    SEARCHES,
    st.integers(1, 5),
    st.sets(st.integers(0, 30)),
)
def test_pages_of_any_size_give_the_definition_and_one_total(changes, search, limit, cuts):
    index = SearchIndex()
    stored: dict[UUID, Entry] = {}
    ends = sorted({0, len(changes), *(cut for cut in cuts if cut <= len(changes))})
    for start, end in pairwise(ends):
        index.apply(changes[start:end], epoch=end)
    for entry in changes:
        if entry.id not in stored or stored[entry.id].epoch < entry.epoch:
            stored[entry.id] = entry
    found: list[UUID] = []
    totals: set[int] = set()
    after = None

    while (page := index.find(search, after=after, limit=limit)).ids:
        found += page.ids
        totals.add(page.total)
        after = page.places[-1]

    assert found == expected(stored, search)
    assert totals <= {len(found)}
    assert page.total == len(found)


@pytest.mark.feature("C3")
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(1, 40), unique=True, max_size=20).flatmap(
        lambda numbers: st.tuples(*(entries(number=n) for n in sorted(numbers)))
    ),
    SEARCHES,
)
def test_titles_come_first_and_each_group_in_the_order_of_publication(listed, search):
    index = SearchIndex()
    index.apply(listed, epoch=1)

    page = index.find(search, after=None, limit=100)

    assert page.ids == expected({entry.id: entry for entry in listed}, search)


ENTRY = Entry(
    id=UUID(int=1),
    number=1,
    epoch=5,
    state="LISTED",
    region="36",
    organisation="jx-rst",
    item_type="20",
    item="demo-1",
    kind="STANDARD",
    audiences=("1",),
    channels=("APP",),
    title_text="社保查询",
    search_text="社保查询",
)


def test_an_older_change_never_replaces_a_newer_one():
    index = SearchIndex()
    index.apply([ENTRY], epoch=5)

    index.apply([replace(ENTRY, epoch=4, title_text="医保", search_text="医保")], epoch=4)

    assert index.find(Search(q="社保"), after=None, limit=1).total == 1
    assert index.find(Search(q="医保"), after=None, limit=1).total == 0
    assert index.epoch == 5


def test_a_changed_text_is_found_by_the_new_words_only():
    index = SearchIndex()
    index.apply([ENTRY], epoch=5)

    index.apply([replace(ENTRY, epoch=6, title_text="医保", search_text="医保")], epoch=6)

    assert index.find(Search(q="社"), after=None, limit=1).total == 0
    assert index.find(Search(q="医保"), after=None, limit=1).ids == [ENTRY.id]


def test_width_and_case_do_not_matter():
    index = SearchIndex()
    index.apply([replace(ENTRY, title_text="etc办理", search_text="etc办理")], epoch=5)

    found = [index.find(Search(q=q), after=None, limit=1).total for q in ("ＥＴＣ", "Etc办", "tc")]

    assert found == [1, 1, 0]
