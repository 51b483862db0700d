"""What the clock causes: reminders, breaches, lapses, what comes due, and what is forgotten."""

from services.filing.commands import (
    apply_policies,
    chase_renewals,
    chase_vacancies,
    end_expired_clearances,
    forget_uncited,
    open_due_documents,
    sweep_clocks,
)
from shared.scheduling import Every

SCHEDULE = (
    Every(seconds=1.0, work=sweep_clocks),
    Every(seconds=5.0, work=apply_policies),
    Every(seconds=60.0, work=end_expired_clearances),
    Every(seconds=3600.0, work=forget_uncited),
    Every(seconds=600.0, work=open_due_documents),
    Every(seconds=600.0, work=chase_vacancies),
    Every(seconds=600.0, work=chase_renewals),
)
