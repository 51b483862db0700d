"""The rules of electronic supervision, with what each still waits for (A24.1)."""

from collections.abc import Sequence

from services.monitoring.rules.electronic import HEARD, RULES
from services.monitoring.rules.rectifications import KINDS
from services.monitoring.schemas.electronic import RuleView
from shared.http.pagination import PageRequest, cut


def list_rules(page: PageRequest) -> tuple[Sequence[RuleView], str | None]:
    """By their keys."""
    after = page.after(str)
    views = [
        RuleView(
            key=rule.key,
            kind=rule.kind,
            clause=rule.clause,
            listens=sorted(rule.listens),
            heard=sorted(rule.listens & HEARD),
            settled_by=sorted(rule.settled_by),
            period=rule.period,
            retest=KINDS[rule.kind].retest,
        )
        for rule in sorted(RULES, key=lambda each: each.key)
        if after is None or rule.key > after[0]
    ]
    return cut(views, page, lambda view: (view.key,))
