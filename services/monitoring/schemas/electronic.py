"""The rules of electronic supervision as they are shown."""

from services.monitoring.schemas.fields import View, shown


class RuleView(View):
    """One rule; `heard` names the events of `listens` that some service tells today."""

    model_config = shown(
        {
            "key": "obligation_overdue",
            "kind": "OBLIGATION_OVERDUE",
            "clause": "A16.2",
            "listens": ["filing.obligation_breached.v1"],
            "heard": ["filing.obligation_breached.v1"],
            "settled_by": ["filing.obligation_fulfilled.v1"],
            "period": None,
            "retest": "RULE",
        }
    )

    key: str
    kind: str
    clause: str
    listens: list[str]
    heard: list[str]
    settled_by: list[str]
    period: str | None
    retest: str
