"""Which of the two languages an answer speaks: zh-CN unless the caller prefers English (API8)."""

from typing import Final

ZH: Final = "zh-CN"
EN: Final = "en"
LANGUAGES: Final = (ZH, EN)


def negotiate(accept_language: str | None) -> str:
    """The best of zh-CN and en for an Accept-Language header (RFC 9110 §12.5.4)."""
    if not accept_language:
        return ZH
    best, weight = ZH, 0.0
    for part in accept_language.split(",")[:16]:
        tag, _, params = part.strip().partition(";")
        quality = _quality(params)
        language = _match(tag.strip().lower())
        if language is not None and quality > weight:
            best, weight = language, quality
    return best


def _match(tag: str) -> str | None:
    if tag in ("*", "zh") or tag.startswith("zh-"):
        return ZH
    if tag == "en" or tag.startswith("en-"):
        return EN
    return None


def _quality(params: str) -> float:
    name, _, value = params.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return max(0.0, min(1.0, float(value)))
    except ValueError:
        return 0.0
