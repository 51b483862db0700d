"""How an import file is read: encodings, columns, order, and cells that no spreadsheet runs."""

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.rules.tables import (
    LAYOUTS,
    FileFlaw,
    decode,
    members,
    parents_first,
    read_csv,
    write_csv,
)
from shared.spreadsheets import neutral

TEXT = "id,name,level,parent,gb2260\n36,江西省,province,,360000\n"


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize(
    ("body", "charset"),
    [
        (TEXT.encode(), None),
        (codecs.BOM_UTF8 + TEXT.encode(), None),
        (codecs.BOM_UTF8 + TEXT.encode(), "UTF-8"),
        (TEXT.encode("gb18030"), None),
        (TEXT.encode("gb18030"), "GBK"),
        (TEXT.encode("gb18030"), '"gb2312"'),
    ],
)
def test_the_three_encodings_give_the_same_text(body, charset):
    assert decode(body, charset) == TEXT


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize(
    ("body", "charset"),
    [(b"\xff\xfe\xff", None), (TEXT.encode("gb18030"), "utf-8"), (b"", "latin-1")],
)
def test_what_cannot_be_read_is_refused(body, charset):
    with pytest.raises(FileFlaw) as flaw:
        decode(body, charset)

    assert flaw.value.code == "import_charset"


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "import_empty"),
        ('id,"name', "import_malformed"),
        ("id,name\n", "import_columns"),
        (TEXT.replace("gb2260", "gb2260,gb2260"), "import_columns"),
        (TEXT.replace("gb2260", "gb2260,colour"), "import_columns"),
        (TEXT.replace("江西省", "江\0西省"), "import_malformed"),
    ],
)
def test_a_file_of_another_form_is_refused_as_a_whole(text, code):
    with pytest.raises(FileFlaw) as flaw:
        read_csv("regions", text)

    assert flaw.value.code == code


def test_a_row_of_another_width_is_kept_as_wrong_and_blank_lines_are_nothing():
    rows = read_csv("regions", TEXT + "\n,,,,\n360100,南昌市\n")

    assert rows == [
        {"id": "36", "name": "江西省", "level": "province", "parent": "", "gb2260": "360000"},
        None,
    ]


def test_lists_are_split_empty_cells_left_out_and_levels_raised():
    item = members("items", {"code": "a-1", "audiences": "1; 2;", "keywords": ""})
    region = members("regions", {"level": "new_area", "parent": None})

    assert item == {"code": "a-1", "audiences": ["1", "2"]}
    assert region == {"level": "NEW_AREA"}


ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.none() | st.sampled_from("abcdefgh")), max_size=12
)


@given(ROWS)
def test_each_row_comes_once_and_a_parent_before_its_children(rows):
    order = parents_first(rows)

    assert sorted(order) == list(range(len(rows)))
    first: dict[str, int] = {}
    for place in order:
        first.setdefault(rows[place][0], place)
    acyclic = [place for place in order if not _in_cycle(place, rows)]
    for place in acyclic:
        parent = next((p for p, (key, _) in enumerate(rows) if key == rows[place][1]), None)
        if parent is not None:
            assert order.index(parent) < order.index(place)


def _in_cycle(start: int, rows: list[tuple[str, str | None]]) -> bool:
    by_key: dict[str | None, int] = {}
    for row, (key, _) in enumerate(rows):
        by_key.setdefault(key, row)
    seen: set[int] = set()
    place: int | None = start
    while place is not None and place not in seen:
        seen.add(place)
        place = by_key.get(rows[place][1])
    return place is not None


@pytest.mark.feature("DEP4")
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_no_written_cell_is_a_formula_and_its_text_survives(cell):
    written = write_csv([["head", cell]])

    (row,) = csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""))
    assert row[1] in (cell, f"'{cell}")
    assert not row[1].startswith(("=", "+", "-", "@"))
    assert neutral(cell) == row[1]


def test_every_layout_s_key_and_options_are_columns_of_it():
    for layout in LAYOUTS.values():
        named = {*layout.key, *layout.optional, *layout.lists, *layout.upper}
        assert named <= set(layout.columns)
        assert layout.parent is None or layout.parent in layout.columns
