"""A batch in one transaction, or halved until the event that it fails on stands alone."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, Final

from shared.database import Database
from shared.messaging.dead_letters import describe, park
from shared.messaging.handling import Arrival, Handlers, apply
from shared.messaging.inbox import gate
from shared.messaging.inbox.gaps import Gaps
from shared.messaging.inbox.gate import Aggregate, OutOfStep, Plan, Run
from shared.messaging.inbox.verdicts import Ack, Term, Verdict, is_permanent, is_transient, later
from shared.security.identity import system

Failpoint = Callable[[str], Awaitable[None]]

GAP: Final = "gap"
_ACK: Final = Ack()
_TRIES: Final = 5  # of a failure that is neither transient nor certain to come again


class Receiver:
    """What one service makes of the events that reach it, by whatever way."""

    def __init__(
        self,
        database: Database,
        *,
        service: str,
        handlers: Handlers,
        gaps: Gaps,
        faults: Collection[str],
        failpoint: Failpoint,
        log: Any,
    ) -> None:
        self._database = database
        self._service = service
        self._handlers = handlers
        self._gaps = gaps
        self._faults = frozenset(faults) & {"no_inbox", "no_gate"}
        self._failpoint = failpoint
        self._log = log
        self._failures: dict[Any, int] = {}

    async def receive(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        """Apply a batch in one transaction, or find by halves the event that it fails on.

        The verdicts stand in the order of the arrivals and hold once this returns.
        """
        try:
            return await self._together(arrivals)
        except Exception as error:  # noqa: BLE001 whatever a handler raises is judged here
            if is_transient(error):
                self._log.warning(
                    "events wait", count=len(arrivals), error_type=type(error).__name__
                )
                self._gaps.hold_up(arrivals)
                # tries counts what a gate or a kill gave back too: what is back is used within 5 s
                return [later(0.5, each.tries, most=5.0) for each in arrivals]
            if len(arrivals) == 1:
                return [await self._refuse(arrivals[0], error)]
            half = len(arrivals) // 2
            return [
                *await self.receive(arrivals[:half]),
                *await self.receive(arrivals[half:]),
            ]

    async def _together(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        runs = gate.runs_of(arrivals)
        if runs is not None and not self._faults:
            try:
                return await self._in_step(arrivals, runs)
            except OutOfStep:
                pass
        return await self._carefully(arrivals)

    async def _in_step(
        self, arrivals: Sequence[Arrival], runs: dict[Aggregate, Run]
    ) -> list[Verdict]:
        """For events that are all new and next; raises `OutOfStep`, having changed nothing."""
        async with self._transaction() as tx:
            await gate.step(await tx.raw(), arrivals, runs, consumer=self._service)
            await apply(tx, arrivals, self._handlers)
            await self._failpoint("applied")
        return [self._settled(each, _ACK) for each in arrivals]

    async def _carefully(self, arrivals: Sequence[Arrival]) -> list[Verdict]:
        consumer = self._service
        async with self._transaction() as tx:
            connection = await tx.raw()
            gates = await gate.lock(connection, arrivals, consumer=consumer)
            held = await gate.parked(connection, arrivals, consumer=consumer)
            plan = gate.plan(arrivals, gates, held, faults=self._faults)
            late = self._gaps.overdue(plan.early)
            for each in plan.unreadable:
                cause = describe(each.unreadable or ValueError("unreadable"))
                await park(connection, [each], consumer=consumer, cause=cause, at=tx.now)
            await park(connection, plan.behind, consumer=consumer, cause="behind", at=tx.now)
            await park(connection, late, consumer=consumer, cause=GAP, at=tx.now)
            new: Sequence[Arrival] = plan.next
            if new and "no_inbox" not in self._faults:
                new = await gate.unseen(connection, new, consumer=consumer)
            await apply(tx, new, self._handlers)
            await gate.move(connection, plan.next, consumer=consumer)
            await self._failpoint("applied")
        return self._verdicts(arrivals, plan, late)

    def _verdicts(
        self, arrivals: Sequence[Arrival], plan: Plan, late: Sequence[Arrival]
    ) -> list[Verdict]:
        parked = {each.id for each in (*plan.unreadable, *plan.behind, *late)}
        early = {each.id for each in plan.early} - parked
        verdicts: list[Verdict] = []
        for each in arrivals:
            if each.id in early:
                verdicts.append(later(0.1, each.tries, most=5.0))
                continue
            verdicts.append(self._settled(each, Term() if each.id in parked else _ACK))
        for each in (*plan.unreadable, *late):
            reason = GAP if each.envelope else "unreadable"
            self._log.error(
                "event parked", event_id=str(each.id), event_type=each.type, reason=reason
            )
        return verdicts

    def _settled(self, arrival: Arrival, verdict: Verdict) -> Verdict:
        """Its last verdict: what was remembered of it is of no use any more."""
        if self._failures:
            self._failures.pop(arrival.id, None)
        self._gaps.settle(arrival)
        return verdict

    async def _refuse(self, arrival: Arrival, error: Exception) -> Verdict:
        """Try an unknown failure again, a few times; park what will not get better."""
        failures = self._failures[arrival.id] = self._failures.get(arrival.id, 0) + 1
        if failures < _TRIES and not is_permanent(error):
            return later(0.5, failures, most=30.0)
        try:
            async with self._transaction() as tx:
                await park(
                    await tx.raw(),
                    [arrival],
                    consumer=self._service,
                    cause=describe(error),
                    at=tx.now,
                )
        except Exception as second:  # noqa: BLE001 not kept, so not given up
            self._log.error("event not parked", error_type=type(second).__name__)
            return later(0.5, arrival.tries, most=30.0)
        self._log.error(
            "event parked",
            event_id=str(arrival.id),
            event_type=arrival.type,
            reason=describe(error),
        )
        return self._settled(arrival, Term())

    def _transaction(self) -> Any:
        return self._database.transaction(system(self._service), whole_province=True)
