"""What the pages are read from: marks of tests, words of the code, modules, sentences."""

import ast
import importlib
import pkgutil
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("shared", "services", "gateway")


def marked_tests(mark: str) -> dict[str, list[str]]:
    """The test files, relative to the root, that carry `@pytest.mark.<mark>("id")`, by id."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for id_ in _marks(_parsed(file), mark):
            found[id_].add(_relative(file))
    return {id_: sorted(files) for id_, files in found.items()}


def code_by_clause(clauses: Mapping[str, Any]) -> dict[str, list[str]]:
    """The code and policy files whose strings name a clause, by clause."""
    word = re.compile(r"(?<![\w.-])(?:P0|A\d{1,2}(?:\.\d)?)(?![\w-]|\.\d)")
    found: defaultdict[str, set[str]] = defaultdict(set)
    for part in PARTS:
        for file in sorted((ROOT / part).rglob("*.py")):
            for text in _strings(_parsed(file)):
                for id_ in word.findall(text):
                    found[id_].add(_relative(file))
        for file in sorted((ROOT / part).rglob("policies.toml")):
            for policy in tomllib.loads(file.read_text("utf-8")).values():
                for id_ in word.findall(policy["clause"]):
                    found[id_].add(_relative(file))
    return {id_: sorted(files) for id_, files in found.items() if id_ in clauses}


@cache
def modules(*packages: str) -> tuple[ModuleType, ...]:
    """Every module of these packages, imported; migrations apart."""
    names = (name for package in packages or PARTS for name in _module_names(package))
    return tuple(importlib.import_module(name) for name in sorted(names))


def message_files() -> list[Path]:
    """Every file of sentences, the toolbox's first."""
    return [file for part in PARTS for file in sorted((ROOT / part).rglob("*messages.toml"))]


def sentences(file: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads(file.read_text("utf-8"))


def _module_names(package: str) -> Iterator[str]:
    yield package
    folder = ROOT.joinpath(*package.split("."))
    for found in pkgutil.walk_packages([str(folder)], prefix=f"{package}."):
        if ".migrations." not in f"{found.name}." and not found.name.endswith("__main__"):
            yield found.name


def _marks(tree: ast.AST, mark: str) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr=name, value=ast.Attribute(attr="mark")), args=arguments
            ) if name == mark:
                for argument in arguments:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value


def _strings(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), filename=str(file))


def _relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()
