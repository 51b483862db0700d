"""What a body looks like: the example of its schema, or one made of the examples of its parts."""

from collections.abc import Mapping
from typing import Any, Final

_NONE: Final = object()
Schemas = Mapping[str, Any]


def complete_examples(schemas: Schemas) -> None:
    """Put back the null members, which FastAPI leaves out of every example it copies."""
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            _fill(example, schema, schemas)


def show_example(content: dict[str, Any], schemas: Schemas) -> None:
    """Put an example beside the schema of each media type that has none."""
    for media in content.values():
        if "example" not in media and "examples" not in media:
            found = _example(media.get("schema", {}), schemas)
            if found is not _NONE:
                media["example"] = found


def _fill(value: Any, schema: Mapping[str, Any], schemas: Schemas) -> None:
    schema = _resolved(schema, schemas)
    if isinstance(value, list):
        for each in value:
            _fill(each, schema.get("items", {}), schemas)
    elif isinstance(value, dict):
        for name, part in schema.get("properties", {}).items():
            if name in value:
                _fill(value[name], part, schemas)
            elif name in schema.get("required", ()) and {"type": "null"} in part.get("anyOf", ()):
                value[name] = None


def _example(schema: Mapping[str, Any], schemas: Schemas) -> Any:
    schema = _resolved(schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "items" in schema:
        each = _example(schema["items"], schemas)
        return _NONE if each is _NONE else [each]
    if "properties" in schema:
        members = {name: _example(part, schemas) for name, part in schema["properties"].items()}
        return {name: value for name, value in members.items() if value is not _NONE}
    return _NONE


def _resolved(schema: Mapping[str, Any], schemas: Schemas) -> Mapping[str, Any]:
    """The schema behind a reference, and of alternatives the first."""
    while True:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema and "examples" not in schema:
            schema = schema["anyOf"][0]
        else:
            return schema
