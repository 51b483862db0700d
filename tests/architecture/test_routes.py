"""One policy table: each route stands in it, and each of its rows is served (API1 of OWASP)."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route

from shared.http.dispatch import Dispatch
from shared.http.operations import OperationRoute
from shared.security.access import OPERATIONS, Effect
from tests.architecture.components import COMPONENTS, build

# What has no operation: probes, metrics and the documents about the operations.
PLAIN = {"/livez", "/readyz", "/startupz", "/metrics", "/openapi.json", "/docs", "/docs/{name}"}


def routes(app: FastAPI) -> Iterator[BaseRoute]:
    """All routes, those of included routers too."""

    def walk(found: list[BaseRoute]) -> Iterator[BaseRoute]:
        for route in found:
            inner = getattr(getattr(route, "original_router", None), "routes", None)
            if inner is None:
                yield route
            else:
                yield from walk(inner)

    yield from walk(app.routes)


@pytest.mark.feature("G1")
@pytest.mark.parametrize("component", COMPONENTS)
def test_each_route_stands_in_the_policy_table(component: str):
    found = list(routes(build(component)))
    operations = [route for route in found if isinstance(route, OperationRoute)]

    assert operations
    assert [
        route.path
        for route in found
        if isinstance(route, APIRoute) and not isinstance(route, OperationRoute)
    ] == []
    assert [route.path for route in operations if route.operation.service != component] == []


@pytest.mark.feature("G1")
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_route_without_an_operation_is_a_probe_or_a_document(component: str):
    plain = {
        route.path
        for route in routes(build(component))
        if isinstance(route, Route) and not isinstance(route, APIRoute)
    }

    allowed = PLAIN | ({"/v1/entry/{listing_id}/{path:path}"} if component == "gateway" else set())

    assert plain <= allowed


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_row_of_the_policy_table_is_served(component: str):
    served = {
        route.operation_id
        for route in routes(build(component))
        if isinstance(route, OperationRoute)
    }

    rows = {each.id for each in OPERATIONS.values() if each.service == component}

    assert rows - served == set()


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_operation_is_found_by_the_segments_of_its_path(component: str):
    app = build(component)
    dispatch = Dispatch(app, routes=app.routes)
    operations = [route for route in routes(app) if isinstance(route, OperationRoute)]

    for route in operations:
        values = {name: f"{name}=1" for name in route.param_convertors}
        path = route.path.format(**values)
        found = dispatch.find(route.operation.method, path)

        assert found is not None
        assert (found[0].operation, found[1]) == (route.operation, values)
        assert dispatch.find("TRACE", path) is None
        assert dispatch.find(route.operation.method, f"{path}/") is None
        assert dispatch.find(route.operation.method, f"{path}/more/of/it") is None
        assert dispatch.find(route.operation.method, path[1:]) is None


def test_no_two_rows_share_a_call():
    calls = [(each.method, each.path) for each in OPERATIONS.values()]

    assert len(calls) == len(set(calls))


def test_only_discovery_and_documentation_are_open():
    opened = {each.path for each in OPERATIONS.values() if each.effect is Effect.OPEN}

    assert not any(path.startswith("/v1/") for path in opened)


def test_every_write_asks_for_a_scope():
    writes = [each for each in OPERATIONS.values() if each.writes]

    assert [each.id for each in writes if each.scope is None] == []
    assert [each.id for each in writes if not (each.needs_key or each.needs_match)] == []
