"""Asks of many callers that leave for Postgres together, so that a round trip serves all of them.

There is no timer: what comes while earlier asks are under way waits for their return and leaves
then, as one. With few callers each goes alone at once; under load the groups grow by themselves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import asyncpg

_AT_ONCE: Final = 256
# SQLSTATE classes and codes after which the same call may succeed: connection lost, conflict,
# no resources, lock timeout, statement cancelled or server stopping, I/O
PASSING: Final = ("08", "40", "53", "55P03", "57", "58")

Ask = TypeVar("Ask")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Caller(Generic[Ask, Answer]):
    ask: Ask
    answered: "asyncio.Future[Answer]"


class Together(Generic[Ask, Answer]):
    """One queue; `carry` answers several asks at once, all of them or none, in their order.

    What Postgres refuses is parted until the ask that it refuses stands alone: it fails its own
    caller and no other. What fails for a passing reason fails all: after a lost connection nobody
    knows whether they were committed. A caller that is cancelled stops nobody else's ask.
    """

    def __init__(
        self, carry: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer]]], *, at_once: int
    ) -> None:
        self._carry = carry
        self._at_once = at_once
        self._waiting: list[_Caller[Ask, Answer]] = []
        self._flights: set[asyncio.Task[None]] = set()

    async def ask(self, ask: Ask) -> Answer:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append(_Caller(ask, answered))
        if len(self._flights) < self._at_once:
            # in a context of its own: it serves many, and belongs to the trace of none
            self._flights.add(loop.create_task(self._fly(), context=Context()))
        return await answered

    async def finish(self) -> None:
        """Wait for what is under way."""
        await asyncio.gather(*self._flights)

    async def _fly(self) -> None:
        flight: Any = asyncio.current_task()
        try:
            while self._waiting:
                taken, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
                await self._serve([caller for caller in taken if not caller.answered.done()])
        finally:  # before anybody else runs: who asks next must not count on it
            self._flights.discard(flight)

    async def _serve(self, callers: Sequence[_Caller[Ask, Answer]]) -> None:
        if not callers:
            return
        try:
            answers = await self._carry([caller.ask for caller in callers])
            answered = list(zip(callers, answers, strict=True))
        except Exception as error:  # noqa: BLE001 it goes to whom it belongs to
            if len(callers) > 1 and _is_refusal(error):
                middle = len(callers) // 2
                await self._serve(callers[:middle])
                await self._serve(callers[middle:])
                return
            for caller in callers:
                if not caller.answered.done():
                    caller.answered.set_exception(error)
            return
        for caller, answer in answered:
            if not caller.answered.done():
                caller.answered.set_result(answer)


def _is_refusal(error: Exception) -> bool:
    """Whether Postgres, or the driver before it, says no to what was asked, now and ever."""
    if isinstance(error, asyncpg.PostgresError):
        state: Any = error.sqlstate
        return state is not None and not state.startswith(PASSING)
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)
