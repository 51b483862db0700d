"""Rows of the demo province's files, by name, column and year."""

import csv
from pathlib import Path

Row = dict[str, str]
DATA = Path(__file__).parents[2] / "deploy" / "local" / "data"
HEADERS = {
    "regions": "id,name,level,parent,gb2260",
    "organisations": "id,name,short_name,kind,region,parent",
    "halls": "id,name,level,region,organisation,parent",
    "zones": "id,name,hall,department",
    "norms": "id,title,version,effective_from,checklist",
    "items": "code,code_scheme,name,item_type,level,department,"
    "audiences,initiation,summary,keywords",
    "listings": "item,organisation,kind,hall,zone,region,"
    "audiences,channels,capabilities,entry_path,title",
    "behaviours": "entry_path,behaviour,shows",
    "responsible_persons": "organisation,domain,post,name,phone,valid_from,valid_to",
    "calendar/2025": "date,kind,name",
    "calendar/2026": "date,kind,name",
    "calendar/2027": "date,kind,name",
    "calendar/sources": "year,status,source",
}
OPTIONAL = {"parent", "gb2260", "zone"}
CITIES = {
    "360100": "南昌市",
    "360200": "景德镇市",
    "360300": "萍乡市",
    "360400": "九江市",
    "360500": "新余市",
    "360600": "鹰潭市",
    "360700": "赣州市",
    "360800": "吉安市",
    "360900": "宜春市",
    "361000": "抚州市",
    "361100": "上饶市",
}
CAPABILITIES = ["QUERY", "BOOKING", "APPLICATION", "HANDLING", "COMPLAINT", "RATING"]


def rows(name: str) -> list[Row]:
    """Rows of one file of the demo data, header excluded."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def by(column: str, name: str) -> dict[str, Row]:
    """Rows of one file by a column that must be unique."""
    table = rows(name)
    indexed = {row[column]: row for row in table}
    assert len(indexed) == len(table), f"{name}.{column} repeats"
    return indexed


def parts(cell: str) -> list[str]:
    """Members of a list cell, which must be neither empty nor repeated."""
    members = cell.split(";")
    assert all(members), cell
    assert len(set(members)) == len(members), cell
    return members
