"""Sentences that a person reads, from `messages.toml`: one section per code, two languages beside.

[filing_not_found]
zh-CN = "没有这条报备"
en = "No such filing"
detail.zh-CN = "编号 {filing_id} 不存在，或不在您的管辖范围内"
detail.en = "Number {filing_id} does not exist or is outside your remit"
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from string import Formatter
from typing import Any

Section = Mapping[str, Any]


class Messages:
    """The sentences of the toolbox and of one component, looked up by code and language."""

    def __init__(self, *sections: Mapping[str, Section]) -> None:
        self._sections: dict[str, Section] = {}
        for group in sections:
            self._sections.update(group)

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(self._sections)

    def problem_types(self) -> dict[str, Section]:
        """The sections that are codes, as `GET /problems/{code}` explains them."""
        return {code: each for code, each in self._sections.items() if "." not in code}

    def title(self, code: str, language: str, params: Mapping[str, Any] | None = None) -> str:
        section = self._sections.get(code)
        if section is None:
            return code
        return _fill(str(section[language]), params or {})

    def detail(
        self, code: str, language: str, params: Mapping[str, Any] | None = None
    ) -> str | None:
        section = self._sections.get(code)
        if section is None or "detail" not in section:
            return None
        return _fill(str(section["detail"][language]), params or {})


def load_messages(package: str) -> dict[str, Section]:
    """Read the `messages.toml` that lies in a package."""
    return tomllib.loads(files(package).joinpath("messages.toml").read_text("utf-8"))


class _Lenient(Formatter):
    """A parameter that was not given stays as its name: a sentence never turns into a 500."""

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:  # noqa: ARG002 the base class passes it
        return kwargs.get(str(key), f"{{{key}}}") if isinstance(key, str) else f"{{{key}}}"


_FORMATTER = _Lenient()


def _fill(sentence: str, params: Mapping[str, Any]) -> str:
    return _FORMATTER.vformat(
        sentence, (), {key: _readable(value) for key, value in params.items()}
    )


def _readable(value: Any) -> str:
    if isinstance(value, (list, tuple, set, frozenset)):
        return "、".join(str(each) for each in value)
    return str(value)
