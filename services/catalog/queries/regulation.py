"""The regulation record and the code set of item types, as shipped (P0, A2.1, A28)."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from services import catalog
from services.catalog.rules.items import ITEM_TYPES
from services.catalog.schemas.items import ItemTypeView
from services.catalog.schemas.regulation import ArticleView, RegulationView
from shared.http.language import LANGUAGES
from shared.http.messages import load_messages


@cache
def regulation() -> RegulationView:
    """Title, dates and our one-line summaries of the 28 articles."""
    raw = files(catalog.__name__).joinpath("regulation.toml").read_text("utf-8")
    document: dict[str, Any] = tomllib.loads(raw)
    articles = [ArticleView(**each) for each in document.pop("articles")]
    return RegulationView(**document, articles=articles)


@cache
def item_types() -> tuple[ItemTypeView, ...]:
    """GB/T 39046-2020 A.1 in both languages."""
    sentences = load_messages(catalog.__name__)
    return tuple(
        ItemTypeView.model_validate(
            {
                "code": code,
                "name": {each: sentences[f"item_type.{code}"][each] for each in LANGUAGES},
            }
        )
        for code in ITEM_TYPES
    )
