"""The measures behind every rule: title, dates, our own summary of each article (P0)."""

from pydantic import Field

from services.catalog.schemas.fields import Day, TwoLanguages, View, shown


class ArticleView(View):
    """One article; `clauses` are the ids that errors, events and tests name."""

    number: int
    chapter: TwoLanguages
    title: TwoLanguages
    summary: TwoLanguages = Field(description="our own words, not the text of the measures")
    clauses: list[str]


class RegulationView(View):
    model_config = shown(
        {
            "title": {"zh-CN": "江西省“赣服通”移动政务服务平台运行管理暂行办法", "en": "Measures"},
            "issuer": {"zh-CN": "江西省人民政府办公厅", "en": "General Office"},
            "issued_on": "2025-08-04",
            "effective_from": "2025-08-04",
            "public": True,
            "addressees": {"zh-CN": "各设区市人民政府办公室等", "en": "The city governments"},
            "articles": [
                {
                    "number": 28,
                    "chapter": {"zh-CN": "附则", "en": "Final provisions"},
                    "title": {"zh-CN": "施行日期", "en": "Entry into force"},
                    "summary": {"zh-CN": "印发当日起生效。", "en": "In force from its issue."},
                    "clauses": ["A28"],
                }
            ],
        }
    )

    title: TwoLanguages
    issuer: TwoLanguages
    issued_on: Day
    effective_from: Day
    public: bool
    addressees: TwoLanguages
    articles: list[ArticleView]
