"""docs/features.md: what the suite promises, and the tests that keep each promise."""

import tomllib
from collections.abc import Mapping

from docs.markdown import GENERATED, code, table
from docs.sources import ROOT, marked_tests

_HEAD = """# Features

Each row in a table has tests that carry its id. What no test shows yet is listed below the table,
so that nobody takes it for done.

"""


def features() -> Mapping[str, Mapping[str, str]]:
    """Groups of docs/features.toml: id and one line each."""
    found: Mapping[str, Mapping[str, str]] = tomllib.loads(
        (ROOT / "docs" / "features.toml").read_text("utf-8")
    )
    return found


def page() -> str:
    tests = marked_tests("feature")
    parts = [GENERATED, _HEAD]
    for group, rows in features().items():
        shown = [(id_, text, code(tests[id_])) for id_, text in rows.items() if id_ in tests]
        still_open = [id_ for id_ in rows if id_ not in tests]
        parts.append(f"## {group.replace('-', ' ').capitalize()}\n\n")
        if shown:
            parts.append(table(("id", "what", "tests"), shown) + "\n")
        if still_open:
            lines = "".join(f"- {id_}: {rows[id_]}\n" for id_ in still_open)
            parts.append(f"Open:\n\n{lines}\n")
    return "".join(parts).rstrip("\n") + "\n"
