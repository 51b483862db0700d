"""One document of everything behind the gateway: valid, complete, and good for a typed client."""

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType
from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.security.access import OPERATIONS, Effect
from shared.security.files import FileKind
from tests.province import found_province
from tests.suite import MINI_APP, Suite, eventually

CHINESE = re.compile("[\u4e00-\u9fff]")
OAUTH = {("issueToken", "400"), ("issueToken", "401")}  # RFC 6749 §5.2 says application/json


@pytest.fixture(scope="module")
async def gateway(suite: Suite) -> httpx.AsyncClient:
    return await suite.serve_all()


@pytest.fixture(scope="module")
async def document(gateway: httpx.AsyncClient) -> dict[str, Any]:
    """The gateway's document, once it has heard of every service."""

    async def whole() -> Any:
        found = (await gateway.get("/openapi.json")).json()
        return found if len(list(described(found))) == len(OPERATIONS) else None

    made: dict[str, Any] = await eventually(whole)
    return made


def described(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def bodies(operation: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The media types of the request and of every success."""
    yield from (
        ("request", media) for media in operation.get("requestBody", {}).get("content", {}).values()
    )
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from ((status, media) for media in answer.get("content", {}).values())


def snake_case(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


@pytest.mark.feature("API1")
async def test_the_document_is_valid_openapi_of_version_three_one(document):
    errors = [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]

    shapes = [re.sub(r"\{\w+\}", "{}", path) for path in document["paths"]]
    assert document["openapi"].startswith("3.1")
    assert errors == []
    assert len(shapes) == len(set(shapes))  # the validator does not look for twins of a path


@pytest.mark.feature("API1")
@pytest.mark.feature("API10")
async def test_every_operation_of_the_policy_table_is_described_once(document):
    shown = [(method, path, each["operationId"]) for method, path, each in described(document)]

    assert sorted(shown) == sorted((row.method, row.path, row.id) for row in OPERATIONS.values())
    assert all(
        path.startswith("/v1/") or OPERATIONS[name].effect is Effect.OPEN for _, path, name in shown
    )


@pytest.mark.feature("API1")
async def test_every_operation_has_a_tag_and_a_summary_in_chinese_with_english_below(document):
    for _, _, operation in described(document):
        name = operation["operationId"]
        assert re.fullmatch("[a-z]+[A-Za-z]*", name)
        assert operation["tags"], name
        assert CHINESE.search(operation["summary"]), name
        assert operation["summary"] != f"operation.{name}"
        assert re.match("[A-Z]", operation["description"]), name


@pytest.mark.feature("API1")
async def test_every_body_has_an_example_that_its_own_schema_accepts(document):
    wrong = []
    seen = 0
    for _, _, operation in described(document):
        for place, media in bodies(operation):
            schema = {"components": document["components"], **media["schema"]}
            validator = Draft202012Validator(schema, format_checker=FormatChecker())
            errors = [error.message for error in validator.iter_errors(media["example"])]
            seen += 1
            wrong += [(operation["operationId"], place, error) for error in errors]

    assert wrong == []
    assert seen > len(OPERATIONS)


@pytest.mark.feature("API1")
async def test_every_refusal_is_described_as_a_problem(document):
    for _, _, operation in described(document):
        name = operation["operationId"]
        refusals = {
            status: answer
            for status, answer in operation["responses"].items()
            if status.startswith("4") or status in ("503", "default")
        }
        assert {"404", "422", "429", "503", "default"} <= refusals.keys(), name
        for status, answer in refusals.items():
            if (name, status) in OAUTH:
                continue
            assert list(answer["content"]) == ["application/problem+json"], (name, status)
            reference = answer["content"]["application/problem+json"]["schema"]["$ref"]
            assert reference == "#/components/schemas/Problem"


@pytest.mark.feature("API1")
async def test_a_write_names_its_preconditions(document):
    for _, _, operation in described(document):
        row = OPERATIONS[operation["operationId"]]
        required = {
            each["name"]
            for each in operation["parameters"]
            if each.get("in") == "header" and each["required"]
        }

        assert ("Idempotency-Key" in required) == row.needs_key, row.id
        assert ("If-Match" in required) == row.needs_match, row.id
        assert bool(operation["security"]) == (row.effect is not Effect.OPEN), row.id


@pytest.mark.feature("API15")
async def test_the_interactive_page_comes_from_here_alone(gateway):
    page = await gateway.get("/docs")
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    answers = {asset: await gateway.get(asset) for asset in assets}

    assert page.status_code == 200
    assert len(assets) == 3
    assert all(asset.startswith("/docs/") for asset in assets)
    assert "//" not in page.text.replace("<!doctype html>", "")
    for answer in (page, *answers.values()):
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "connect-src 'self'" in policy
        assert "http" not in policy
    assert "SwaggerUIBundle" in answers["/docs/swagger-ui-bundle.js"].text
    assert '"/openapi.json"' in answers["/docs/start.js"].text
    assert (await gateway.get("/docs/../settings.py")).status_code == 404
    assert (await gateway.get("/docs/unknown.js")).json()["code"] == "not_found"


@pytest.fixture(scope="module")
def client_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("generated")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "ganfutong_client"]:
        del sys.modules[name]


@pytest.mark.feature("API14")
async def test_a_typed_client_is_generated_without_a_warning_and_calls_the_gateway(
    suite, gateway, document, client_folder
):
    source = client_folder / "openapi.json"
    source.write_text(json.dumps(document))
    package = client_folder / "ganfutong_client"
    settings = ConfigFile(
        post_hooks=[],  # formatting is not what is shown here
        content_type_overrides=dict.fromkeys(FileKind, "application/octet-stream"),
    )
    await found_province(suite, gateway)

    problems = generate(
        config=Config.from_sources(
            settings,
            MetaType.NONE,
            document_source=source,
            file_encoding="utf-8",
            overwrite=False,
            output_path=package,
        )
    )
    modules = [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages([str(package)], "ganfutong_client.")
    ]
    calls = {module.__name__.rpartition(".")[2]: module for module in modules}
    types = sys.modules["ganfutong_client.client"]
    known = types.AuthenticatedClient(base_url=str(gateway.base_url), token=suite.token(MINI_APP))
    async with known as client:
        regions = await calls["list_regions"].asyncio(client=client)

    assert [f"{each.header} {each.detail}" for each in problems] == []
    assert {snake_case(name) for name in OPERATIONS} <= calls.keys()
    assert {region.name for region in regions.items} >= {"江西省", "南昌市", "东湖区"}
