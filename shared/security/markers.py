"""Marks of state secrets, which must neither be stored nor sent on (A21.4: 严禁涉密数据).

A mark is the class, a star and a term or condition: 机密★10年, 绝密★启用前. The words alone are
ordinary language, and 商业秘密 or 工作秘密 are no state secrets, so neither is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from shared.errors import FieldError
from shared.security.errors import ClassifiedMarkerRefused


class Kind(StrEnum):
    """The three classes (保守国家秘密法)."""

    TOP_SECRET = "绝密"  # noqa: S105 - a class of secrets, not a password
    SECRET = "机密"  # noqa: S105 - same
    CONFIDENTIAL = "秘密"


@dataclass(frozen=True, slots=True)
class Marker:
    """Where a mark stands (code points from 0; RFC 6901 pointer), never what stands there.

    A mark in a member's name points to the object that holds it: the name itself is not repeated.
    """

    kind: Kind
    position: int
    pointer: str = ""
    in_name: bool = False


_Path: TypeAlias = "tuple[_Path, str] | None"  # the way back to the root, spelt out only for a hit

# Nothing that a reader sees: blanks, zero-width and bidi controls, fillers, combining marks.
_BLANK = (
    r"\t \u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
    r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_LINE_END = r"\n\r\x0b\x0c\x85\u2028\u2029"
_STAR = "★☆⭐🌟✩✪✫✬✭✮✯✰⋆"
_JOINT = r"·・•.．\-－_＿~|｜/／\\"

# Every run is possessive: a text of blanks costs one pass.
_I = f"[{_BLANK}]*+"
_WITHIN = f"[{_BLANK}{_LINE_END}{_JOINT}]*+"
_NUMBER = (
    rf"(?:\d{_I}){{1,4}}|[①-⑳]"
    rf"|(?:[〇零一二三四五六七八九十廿卅百两兩壹贰貳叁參肆伍陆陸柒捌玖拾佰]{_I}){{1,6}}"
)
_YEAR = "年\uf98e"
_EVENT = (
    "启用|啟用|啓用|公布|公佈|公开|公開|发布|發布|發佈|宣布|宣佈|颁布|頒布|开考|開考|考试|考試"
    "|开标|開標|评标|評標|拆封|开封|開封|生效|实施|實施|签署|簽署|结束|結束|完成"
)
_EVENT_SPACED = "|".join(_I.join(event) for event in _EVENT.split("|"))
_ANY = f"(?:[^{_BLANK}{_LINE_END}{_STAR}]{_I})"
_TERM = (
    rf"(?:{_NUMBER}){_I}(?:[{_YEAR}月日天]|[个個箇]{_I}月)"
    rf"|(?:\d{_I}){{4}}[.\-/．－／]{_I}(?:\d{_I}){{1,2}}[.\-/．－／]"
    rf"|(?:\d{_I}){{8}}(?!\d)"
    rf"|[长長]{_I}期|永{_I}久"
    rf"|{_ANY}{{0,12}}?(?:(?:{_EVENT_SPACED}){_I}{_ANY}{{0,2}}?前|解{_I}密)"
)
_CLASS = rf"(?:(?P<top>[绝絕絶])|(?P<secret>[机機])|[秘祕㊙]){_WITHIN}[密宻]"
_MARK = re.compile(
    # A line end before the star is not crossed: there it would be the bullet of the next line.
    rf"{_CLASS}[{_BLANK}{_JOINT}\])）】〕」』》”’\"']*+[{_STAR}]"
    rf"[{_BLANK}{_LINE_END}:：(（\[【〔《—\-－]*+(?:{_TERM})"
    # Without a term only where it stands alone, as on a title page; the longest term then holds.
    rf"|(?<!\w){_CLASS.replace('top', 'top_alone').replace('secret', 'secret_alone')}"
    rf"{_I}★{_I}(?=[{_LINE_END}\])）】〕」』；;,，、]|$)"
)
_SUSPECT = re.compile("[密宻]")
_SUSPECT_SIGNS = ("密".encode(), "宻".encode())
_SUSPECT_ESCAPE = re.compile(rb"\\u5[bB](?:[cC]6|[bB][bB])")
_STARS = re.compile(f"[{_STAR}]")
_BLANKS = re.compile(f"[{_BLANK}]+")
_BEFORE = 32
_NOT_OF_THE_STATE = re.compile(
    "(?:商[业業务務]|企[业業]|公司|客[户戶]|[经經][营營]|工作|[个個]人|技[术術]|通[信讯訊]|[职職行][业業])$"
)


def may_carry_marker(body: bytes) -> bool:
    """False when no JSON in these UTF-8 bytes can carry a mark: a search before any parsing."""
    return any(sign in body for sign in _SUSPECT_SIGNS) or _SUSPECT_ESCAPE.search(body) is not None


def find_marker(text: str) -> Marker | None:
    """The first mark of a text, in simplified or traditional script, spaced, wide or split."""
    if _SUSPECT.search(text) is None or _STARS.search(text) is None:
        return None
    for match in _MARK.finditer(text):
        start = match.start()
        before = _BLANKS.sub("", text[max(0, start - _BEFORE) : start])
        if _NOT_OF_THE_STATE.search(before) is None:
            return Marker(_kind(match), start)
    return None


def scan_json(value: Any) -> Iterator[Marker]:
    """The first mark of every string and member name of a JSON value, in document order."""
    waiting: list[tuple[Any, _Path]] = [(value, None)]
    while waiting:
        here, path = waiting.pop()
        if isinstance(here, str):
            marker = find_marker(here)
            if marker is not None:
                yield Marker(marker.kind, marker.position, _pointer(path))
        elif isinstance(here, list):
            waiting.extend(
                (here[index], (path, str(index))) for index in range(len(here) - 1, -1, -1)
            )
        elif isinstance(here, dict):
            named = [(name, find_marker(name)) for name in here]
            for _, marker in named:
                if marker is not None:
                    yield Marker(marker.kind, marker.position, _pointer(path), in_name=True)
            # Below a marked name nothing is reported: every pointer there would repeat it.
            waiting.extend(
                (here[name], (path, name)) for name, marker in reversed(named) if marker is None
            )


def refuse_markers(value: Any) -> None:
    """ClassifiedMarkerRefused with the place of every mark in a JSON value (A21.4)."""
    found = [
        FieldError(
            marker.pointer,
            ClassifiedMarkerRefused.code,
            {"kind": marker.kind.value, "position": marker.position},
        )
        for marker in scan_json(value)
    ]
    if found:
        raise ClassifiedMarkerRefused(clause="A21.4", errors=found)


def _kind(match: re.Match[str]) -> Kind:
    if match["top"] or match["top_alone"]:
        return Kind.TOP_SECRET
    if match["secret"] or match["secret_alone"]:
        return Kind.SECRET
    return Kind.CONFIDENTIAL


def _pointer(path: "_Path") -> str:
    parts: list[str] = []
    while path is not None:
        path, token = path
        parts.append("/" + token.replace("~", "~0").replace("/", "~1"))
    return "".join(reversed(parts))
