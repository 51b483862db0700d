"""The platform's own field registry: no column that tells of a person goes undeclared (A21.1)."""

import importlib

import pytest

from shared.security.field_classes import (
    Field,
    FieldClass,
    Mask,
    read_fields,
    sounds_personal,
    undeclared,
)
from tests.architecture.components import COMPONENTS, build, package


def columns(component: str) -> set[tuple[str, str]]:
    metadata = importlib.import_module(f"{package(component)}.tables").metadata
    return {
        (table.name, column.name) for table in metadata.sorted_tables for column in table.columns
    }


def fields(component: str) -> tuple[Field, ...]:
    return read_fields("shared", package(component))


@pytest.mark.clause("A21.1")
@pytest.mark.parametrize("component", COMPONENTS)
def test_each_column_that_tells_of_a_person_is_declared(component: str):
    assert undeclared(columns(component), fields(component)) == []


@pytest.mark.clause("A21.1")
@pytest.mark.parametrize("component", COMPONENTS)
def test_each_declared_field_is_a_column_and_says_why(component: str):
    declared = fields(component)

    assert {(each.table, each.column) for each in declared} <= columns(component)
    assert [each.column for each in declared if not each.why] == []
    assert len({(each.table, each.column) for each in declared}) == len(declared)


@pytest.mark.clause("A21.1")
@pytest.mark.parametrize("component", COMPONENTS)
def test_what_is_sealed_is_personal_masked_and_encrypted(component: str):
    wrong = [
        each.column
        for each in fields(component)
        if each.column.endswith("_sealed")
        and (each.field_class, each.encrypted, each.mask is Mask.PLAIN)
        != (FieldClass.PERSONAL, True, False)
    ]
    exposed = [
        each.column
        for each in fields(component)
        if each.mask in (Mask.NAME, Mask.PHONE) and not each.encrypted
    ]

    assert wrong == []
    assert exposed == []


@pytest.mark.clause("A21.1")
def test_a_new_column_that_tells_of_a_person_is_found():
    found = undeclared([("cases", "caller_phone"), ("cases", "state")], [])

    assert found == ["cases.caller_phone"]
    assert sounds_personal("reporter_email")
    assert not sounds_personal("renamed_at")


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_component_serves_its_own_registry(component: str):
    assert build(component).state.fields == fields(component)
