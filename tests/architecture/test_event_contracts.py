"""What others rely on does not change under them: event types against their snapshots (CON5)."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs.events import SNAPSHOTS, breaking, broken_contracts, registry, schema, snapshot
from shared.events.filing import FilingAccepted

PERSONAL = ("phone", "mobile", "id_number", "identity_number", "reporter", "person_name", "email")


@pytest.mark.feature("CON5")
def test_each_event_type_has_the_snapshot_of_its_schema():
    kept = {file.stem: json.loads(file.read_text("utf-8")) for file in SNAPSHOTS.glob("*.json")}

    assert kept == {name: schema(event) for name, event in registry().items()}


@pytest.mark.feature("CON5")
def test_no_told_contract_is_broken():
    assert broken_contracts() == []


def without(document: dict[str, Any], name: str) -> None:
    del document["properties"][name]
    document["required"].remove(name)


def retyped(document: dict[str, Any]) -> None:
    document["properties"]["digest"] = {"type": "integer"}


def demanding(document: dict[str, Any]) -> None:
    document["properties"]["extra"] = {"type": "string"}
    document["required"].append("extra")


def nested(document: dict[str, Any]) -> None:
    del document["$defs"]["ListingContent"]["properties"]["title"]


@pytest.mark.feature("CON5")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda document: without(document, "digest"), "digest is gone"),
        (retyped, "digest is now integer, was string"),
        (demanding, "extra is newly required"),
        (nested, "content.title is gone"),
    ],
)
def test_a_change_that_a_reader_would_not_survive_is_named(
    change: Callable[[dict[str, Any]], None], told: str
):
    before = schema(FilingAccepted)
    now = deepcopy(before)
    change(now)

    found = list(breaking(before, now))

    assert told in found


@pytest.mark.feature("CON5")
def test_a_new_optional_member_and_new_words_are_free():
    before = schema(FilingAccepted)
    now = deepcopy(before)
    now["properties"]["note"] = {"type": "string", "default": ""}
    now["description"] = "other words"
    now["properties"]["digest"]["description"] = "of the content"

    assert list(breaking(before, now)) == []


@pytest.mark.feature("CON1")
@pytest.mark.parametrize("name", registry())
def test_a_schema_is_a_schema_and_holds_no_personal_data(name: str):
    event = registry()[name]

    Draft202012Validator.check_schema(schema(event))

    members = snapshot(event)
    assert [word for word in PERSONAL if f'"{word}"' in members] == []
