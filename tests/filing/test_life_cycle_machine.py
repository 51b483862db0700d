"""Any course that a filing's life can take: what is shown is what succeeds, and nothing is lost."""

import asyncio
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from services.filing.rules import Action
from shared.security.identity import Actor
from tests.filing.world import EVIDENCE, World
from tests.suite import HEALTH_INSURANCE, JIUJIANG, LABOUR, NANCHANG, OPERATOR, PROVINCE

ACTORS = (LABOUR, NANCHANG, HEALTH_INSURANCE, PROVINCE, OPERATOR, JIUJIANG)
WHY = {"clause": "A10.3", "opinion": "投诉入口无法打开", "evidence": EVIDENCE}
CALLS: dict[Action, tuple[str, str, dict[str, Any]]] = {
    Action.REVISE: ("PUT", "", {}),
    Action.SUBMIT: ("POST", "/submission", {}),
    Action.WITHDRAW: ("POST", "/withdrawal", {"reason": "方案调整"}),
    Action.CONFIRM: ("POST", "/confirmation", {}),
    Action.REFUSE: ("POST", "/refusal", WHY),
    Action.ACCEPT: ("POST", "/acceptance", {}),
    Action.APPROVE: ("POST", "/approval", {}),
    Action.REJECT: ("POST", "/rejection", WHY),
    Action.RETURN: ("POST", "/return", WHY),
}
FACTS = {
    Action.SUBMIT: ["submitted"],
    Action.WITHDRAW: ["withdrawn"],
    Action.CONFIRM: ["confirmed"],
    Action.REFUSE: ["refused"],
    Action.ACCEPT: ["accepted"],
    Action.APPROVE: ["approved", "channel_exception_granted"],
    Action.REJECT: ["rejected"],
    Action.RETURN: ["returned"],
}
REFUSED = {403, 404, 409}


class Kind(StrEnum):
    """Whose filing of which type: one of each flow."""

    NOTIFY = "NOTIFY"
    CONFIRM = "CONFIRM"
    APPLY = "APPLY"

    @property
    def filer(self) -> Actor:
        return NANCHANG if self is Kind.CONFIRM else LABOUR


class Manner(StrEnum):
    """How a call reaches the service."""

    ONCE = "ONCE"
    ANSWER_LOST = "ANSWER_LOST"  # the same call again, after the first has ended
    TWICE_AT_ONCE = "TWICE_AT_ONCE"  # the same call again, while the first still runs
    TWO_HANDS = "TWO_HANDS"  # another call of its own that read the same version


@dataclass(frozen=True)
class Step:
    """One of the moves that are shown, by its place; or, with an actor and action, any at all.

    Nobody withdraws by place, or most lives would be short.
    """

    manner: Manner
    place: int = 0
    any_: tuple[Actor, Action] | None = None


# The calls of each manner, one wave after the other; whether a call has the first one's key.
WAVES = {
    Manner.ONCE: [[True]],
    Manner.ANSWER_LOST: [[True], [True]],
    Manner.TWICE_AT_ONCE: [[True, True], [True]],
    Manner.TWO_HANDS: [[True, False]],
}
MANNERS = st.sampled_from(Manner)
TAKEN = st.builds(Step, MANNERS, place=st.integers(0, 5))
ANY = st.builds(Step, MANNERS, any_=st.tuples(st.sampled_from(ACTORS), st.sampled_from([*CALLS])))
COURSES = st.lists(st.one_of(TAKEN, TAKEN, TAKEN, ANY), min_size=6, max_size=12)


@dataclass
class Life:
    """One filing, with what its history and its events must be by what has happened."""

    world: World
    kind: Kind
    id: str = ""
    lines: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    seen: dict[Actor, dict[str, Any]] = field(default_factory=dict)

    async def begin(self, manner: Manner, *, at_once: bool) -> None:
        answer = await self.send(
            self.kind.filer, "POST", "/v1/filings", {**self.document(), "submit": at_once}, manner
        )
        assert answer.status_code == 201, answer.text
        self.id = answer.json()["id"]
        self.lines += ["CREATE", Action.SUBMIT] if at_once else ["CREATE"]
        self.facts += FACTS[Action.SUBMIT] if at_once else []
        await self.look()

    def document(self) -> dict[str, Any]:
        if self.kind is not Kind.APPLY:
            body = self.world.listing_body(self.kind.filer)
            return {name: value for name, value in body.items() if name != "submit"}
        content = {
            "channel_name": f"专用端 {uuid.uuid4()}",
            "channel_kind": "APP",
            "reason": "专用终端无法接入。",
            "legal_basis": "主管部门批复",
            "integration_plan": "终端更换后迁入。",
            "since": "2026-04-01",
            "until": "2027-03-31",
            "operations_contact": "信息中心运维岗",
        }
        return {"filing_type": "CHANNEL_EXCEPTION", "content": content}

    async def take(self, step: Step) -> None:
        """One step; it succeeds if it was shown to its actor, or else it changes nothing."""
        before, shown = self.seen, moves(self.seen)
        onward = [move for move in shown if move[1] is not Action.WITHDRAW]
        if step.any_ is None and not onward:
            return
        actor, action = step.any_ or onward[step.place % len(onward)]
        answer = await self.act(actor, action, step.manner, seen=before.get(actor))
        if (actor, action) not in shown:
            assert answer.status_code in REFUSED, (action, answer.text)
            assert before == await self.look()
            return
        assert answer.status_code == 200, (action, answer.text)
        drafted = before[actor]["state"] == "DRAFT"
        self.lines.append(action)
        if not (action is Action.WITHDRAW and drafted):
            self.facts += FACTS.get(action, [])
        after = await self.look()
        assert after[actor] == answer.json()

    async def act(
        self, actor: Actor, action: Action, manner: Manner, *, seen: dict[str, Any] | None
    ) -> httpx.Response:
        method, place, body = CALLS[action]
        if action is Action.REVISE:
            body = self.document()
        match = "*" if seen is None else f'"{seen["version"]}.{"0" * 32}"'
        return await self.send(
            actor, method, f"/v1/filings/{self.id}{place}", body, manner, match=match
        )

    async def send(
        self,
        actor: Actor,
        method: str,
        path: str,
        body: dict[str, Any],
        manner: Manner,
        *,
        match: str = "*",
    ) -> httpx.Response:
        """The first answer of success, or of refusal; whatever came beside it took nothing."""
        key, other = str(uuid.uuid4()), str(uuid.uuid4())
        answers: list[httpx.Response] = []
        for wave in WAVES[manner]:
            answers += await asyncio.gather(
                *(
                    self.world.call(
                        actor,
                        method,
                        path,
                        body,
                        match=match,
                        **{"Idempotency-Key": key if first else other},
                    )
                    for first in wave
                )
            )
        done = [answer for answer in answers if answer.status_code < 300]
        fresh = [answer for answer in done if "idempotent-replayed" not in answer.headers]
        assert len(fresh) == bool(done), [answer.text for answer in done]
        assert all(answer.content == fresh[0].content for answer in done)
        assert {answer.status_code for answer in answers} <= {200, 201, 412, *REFUSED}
        if method == "POST":  # what was answered once is answered again, to whoever has the key
            assert manner is not Manner.ANSWER_LOST or len(done) in (0, 2)
            assert manner is not Manner.TWICE_AT_ONCE or answers[-1] in done or not done
        return (fresh or answers)[0]

    async def look(self) -> dict[Actor, dict[str, Any]]:
        """The filing as each sees who does, after a look at what must always hold."""
        answers = {
            actor: await self.world.call(actor, "GET", f"/v1/filings/{self.id}") for actor in ACTORS
        }
        assert {answer.status_code for answer in answers.values()} <= {200, 404}
        seen = {actor: each.json() for actor, each in answers.items() if each.status_code == 200}
        assert {self.kind.filer, PROVINCE, OPERATOR} <= set(seen)
        told = await self.world.suite.sql(
            "filing",
            "select sequence, type from outbox where subject = $1 order by id",
            f"filing:{self.id}",
        )
        for view in seen.values():
            assert [line["action"] for line in view["history"]] == self.lines
            assert view["version"] == len(self.lines)
            assert view["state"] == view["history"][-1]["state"]
            assert {**view, "allowed_actions": []} == {**seen[PROVINCE], "allowed_actions": []}
        assert [row["sequence"] for row in told] == list(range(1, len(told) + 1))
        assert [row["type"].split(".")[1] for row in told] == self.facts
        self.seen = seen
        return seen


def moves(seen: dict[Actor, dict[str, Any]]) -> list[tuple[Actor, Action]]:
    """Every action that is shown, with the actor to whom it is shown."""
    return [
        (actor, Action(shown)) for actor, view in seen.items() for shown in view["allowed_actions"]
    ]


@pytest.mark.feature("F3")
@pytest.mark.feature("C1")
@pytest.mark.parametrize("kind", Kind)
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to shrink a failure takes minutes against a real service
    # Each example files anew, and the clock that is set before the test stands still.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    begun=st.sampled_from([Manner.ONCE, Manner.ANSWER_LOST, Manner.TWICE_AT_ONCE]),
    at_once=st.booleans(),
    course=COURSES,
    withdrawn=st.booleans(),
)
async def test_in_any_course_what_is_shown_succeeds_once_and_nothing_else_does(
    world: World, *, kind: Kind, begun: Manner, at_once: bool, course: list[Step], withdrawn: bool
):
    life = Life(world, kind)

    await life.begin(begun, at_once=at_once)
    for step in course:
        await life.take(step)
    if withdrawn:
        await life.take(Step(begun, any_=(kind.filer, Action.WITHDRAW)))

    end, shown = life.seen, moves(life.seen)
    for actor, action in product(ACTORS, CALLS):
        if (actor, action) not in shown:
            answer = await life.act(actor, action, Manner.ONCE, seen=end.get(actor))
            assert answer.status_code in REFUSED, (actor.organisation, action, answer.text)
    assert await life.look() == end
