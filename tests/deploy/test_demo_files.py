"""The demo province's CSV files: each is described, whole, and written alike."""

import re

import pytest

from tests.deploy.demo_files import DATA, HEADERS, OPTIONAL, rows


def test_the_folder_holds_exactly_the_described_files():
    found = {
        path.relative_to(DATA).with_suffix("").as_posix()
        for path in DATA.rglob("*")
        if path.suffix == ".csv"
    }

    assert found == set(HEADERS)


@pytest.mark.parametrize("name", HEADERS)
def test_a_file_has_its_header_no_bom_and_unix_line_ends(name: str):
    content = (DATA / f"{name}.csv").read_bytes()

    assert content.split(b"\n", 1)[0].decode() == HEADERS[name]
    assert b"\r" not in content
    assert content.endswith(b"\n")


@pytest.mark.parametrize("name", HEADERS)
def test_every_row_fills_every_cell_that_is_not_optional(name: str):
    columns = HEADERS[name].split(",")

    for row in rows(name):
        assert list(row) == columns
        assert all(cell == cell.strip() for cell in row.values()), row
        assert not [column for column in columns if not row[column] and column not in OPTIONAL], row


@pytest.mark.parametrize("name", HEADERS)
def test_chinese_is_simplified_script(name: str):
    text = (DATA / f"{name}.csv").read_text(encoding="utf-8")

    # GB 2312 holds the simplified set and no other form of a simplified character.
    assert text.encode("gb2312", errors="replace").decode("gb2312") == text


@pytest.mark.parametrize("name", HEADERS)
def test_no_cell_carries_a_classification_marker_or_starts_a_formula(name: str):
    for row in rows(name):
        for cell in row.values():
            assert not re.search("绝密|机密|秘密", cell), row
            assert not cell.startswith(("=", "+", "-", "@")), row
