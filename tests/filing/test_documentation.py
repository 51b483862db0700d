"""What the interactive documentation shows is what the service would really answer."""

from typing import Any

import pytest

from services.filing.app import build
from services.filing.schemas import views
from shared.http.openapi import document

DOCUMENT = document(build())
MODELS = [
    model
    for model in vars(views).values()
    if isinstance(model, type)
    and issubclass(model, views.View)
    and "json_schema_extra" in model.model_config
]


@pytest.mark.feature("API1")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_example_of_an_answer_is_one(model: type[views.View]):
    extra: Any = model.model_config["json_schema_extra"]

    for example in extra["examples"]:
        shown = model.model_validate(example, by_name=True, by_alias=True)
        assert shown.model_dump(mode="json") == example


@pytest.mark.feature("API1")
def test_each_operation_of_filing_has_an_example_of_what_it_takes_and_gives():
    bare = []
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/v1/filing/"):
            continue
        for method, described in methods.items():
            taken = described.get("requestBody", {}).get("content", {}).values()
            given = [
                media
                for status, answer in described["responses"].items()
                if status.startswith("2")
                for media in answer.get("content", {}).values()
            ]
            bare += [(method, path) for media in (*taken, *given) if not _has_example(media)]

    assert bare == []


def _has_example(node: Any) -> bool:
    """An example on the body, or on a model that it refers to."""
    if isinstance(node, list):
        return any(map(_has_example, node))
    if not isinstance(node, dict):
        return False
    if "example" in node or "examples" in node:
        return True
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/components/schemas/")
        return _has_example(DOCUMENT["components"]["schemas"][name])
    return any(_has_example(each) for each in node.values())
