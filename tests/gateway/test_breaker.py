"""When a breaker opens, tries and closes; how many retries a budget pays for."""

import pytest

from gateway.breaker import Breaker, BreakerPolicy, BreakerState, RetryBudget


class Watch:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def breaker(watch: Watch) -> Breaker:
    return Breaker(watch, BreakerPolicy(share=0.5, minimum=10, window=10, pause=1))


def ask(breaker: Breaker, *outcomes: bool) -> None:
    for ok in outcomes:
        ticket = breaker.enter()
        assert ticket is not None
        with ticket:
            ticket.settle(ok=ok)


@pytest.mark.feature("G3")
def test_it_opens_at_the_share_of_failures_and_not_before(breaker: Breaker) -> None:
    ask(breaker, *[True, False] * 4, True)
    before = breaker.state

    ask(breaker, False)

    assert before is BreakerState.CLOSED
    assert breaker.state is BreakerState.OPEN
    assert breaker.enter() is None


@pytest.mark.feature("G3")
def test_a_few_failures_of_few_requests_do_not_open_it(breaker: Breaker) -> None:
    ask(breaker, *[False] * 9)

    assert breaker.state is BreakerState.CLOSED


def test_old_failures_are_forgotten(breaker: Breaker, watch: Watch) -> None:
    ask(breaker, *[False] * 9)
    watch.at += 10.1

    ask(breaker, *[True] * 9, False)

    assert breaker.state is BreakerState.CLOSED


@pytest.mark.feature("G3")
def test_after_the_pause_one_trial_decides(breaker: Breaker, watch: Watch) -> None:
    ask(breaker, *[False] * 10)
    watch.at += 1.0

    trial = breaker.enter()
    second = breaker.enter()

    assert trial is not None
    assert second is None
    with trial:
        trial.settle(ok=True)
    ask(breaker, False)  # its past is forgotten
    assert breaker.state is BreakerState.CLOSED


@pytest.mark.feature("G3")
def test_each_failed_trial_doubles_the_pause(breaker: Breaker, watch: Watch) -> None:
    ask(breaker, *[False] * 10)
    pauses = []

    for _ in range(7):
        pauses.append(breaker.retry_after)
        watch.at += breaker.retry_after
        ask(breaker, False)

    assert pauses == [1, 2, 4, 4, 4, 4, 4]


def test_a_trial_whose_client_left_leaves_room_for_another(breaker: Breaker, watch: Watch) -> None:
    ask(breaker, *[False] * 10)
    watch.at += 1.0
    trial = breaker.enter()
    assert trial is not None
    with trial:
        pass

    assert breaker.enter() is not None


def test_late_answers_of_an_open_breaker_change_nothing(breaker: Breaker) -> None:
    late = [breaker.enter() for _ in range(5)]
    ask(breaker, *[False] * 10)

    for ticket in late:
        assert ticket is not None
        with ticket:
            ticket.settle(ok=True)

    assert breaker.state is BreakerState.OPEN


@pytest.mark.feature("G3")
def test_at_most_a_tenth_of_the_requests_is_asked_again() -> None:
    budget = RetryBudget()
    repeated = 0

    for _ in range(1000):
        budget.deposit()
        repeated += budget.withdraw()

    assert repeated <= 101


def test_a_quiet_time_saves_no_storm_of_retries() -> None:
    budget = RetryBudget()
    for _ in range(10_000):
        budget.deposit()

    assert sum(budget.withdraw() for _ in range(100)) == 20
