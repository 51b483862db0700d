"""Carries a walk out: its steps in order until one fails, and its clean-up whatever came (M2)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from services.monitoring.clients.outcome import Limits, Outcome
from services.monitoring.clients.prober import Prober
from services.monitoring.rules.conditions import failures, parse
from services.monitoring.rules.targets import TargetUnreadable, read_target
from services.monitoring.rules.walking import Step, ValueUnusable, capture, fill, hide

CLEANUP_SECONDS = 5.0  # for all of the clean-up, beyond the walk's own time
_LETTERS = 500
VALUE_MISSING, OUT_OF_TIME, CLEANUP = "value_missing", "out_of_time", "cleanup_failed"


@dataclass(frozen=True, slots=True)
class Stepped:
    """What came of one step; milliseconds. One that could not be begun has an error alone."""

    name: str
    ok: bool
    total: float = 0.0
    status: int | None = None
    error: str | None = None
    failure: str | None = None


@dataclass(slots=True)
class Walked:
    """What came of a walk; `cleaned` is None where it has no clean-up."""

    steps: list[Stepped] = field(default_factory=list)
    cleanup: list[Stepped] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def failed(self) -> Stepped | None:
        return next((each for each in (*self.steps, *self.cleanup) if not each.ok), None)

    @property
    def cleaned(self) -> bool | None:
        return all(each.ok for each in self.cleanup) if self.cleanup else None

    @property
    def total(self) -> float:
        return sum(each.total for each in (*self.steps, *self.cleanup))


async def walk(
    prober: Prober,
    steps: Sequence[Step],
    cleanup: Sequence[Step],
    *,
    secrets: Mapping[str, str],
    seconds: float,
) -> Walked:
    """Never raises of its own; when it is cancelled the clean-up is still carried out."""
    done = Walked()
    values = dict(secrets)
    deadline = asyncio.get_running_loop().time() + seconds
    try:
        for step in steps:
            done.steps.append(await _step(prober, step, values, done, deadline=deadline))
            if not done.steps[-1].ok:
                break
    finally:
        end = asyncio.get_running_loop().time() + CLEANUP_SECONDS
        for step in cleanup:
            if step.names() <= values.keys():  # else what it would clear away was never made
                done.cleanup.append(await _step(prober, step, values, done, deadline=end))
    return done


async def _step(
    prober: Prober, step: Step, values: dict[str, str], done: Walked, *, deadline: float
) -> Stepped:
    """One request; what it captures is added to `values`."""
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        return Stepped(step.name, ok=False, error=OUT_OF_TIME)
    begun = perf_counter()
    try:
        request = fill(step, values)
        outcome = await prober.probe(
            read_target(request.url),
            limits=Limits(total=left),
            method=request.method,
            fresh=request.method not in ("GET", "HEAD"),  # a kept one could send it twice
            headers=request.headers,
            body=request.body,
        )
        told = failures([parse(each) for each in step.conditions], outcome.seen)
        if outcome.error is None and not told:
            values |= capture(step, outcome.seen)
    except ValueUnusable as error:
        total = (perf_counter() - begun) * 1000
        return Stepped(step.name, ok=False, total=total, error=VALUE_MISSING, failure=error.name)
    except TargetUnreadable as error:
        return Stepped(step.name, ok=False, error=f"target_{error.reason}")
    done.outcome = outcome
    failure = hide("; ".join(told).replace("\0", ""), values)[:_LETTERS] or None
    return Stepped(
        step.name,
        ok=outcome.error is None and not told,
        total=(perf_counter() - begun) * 1000,
        status=outcome.seen.status or None,
        error=outcome.error,
        failure=failure,
    )
