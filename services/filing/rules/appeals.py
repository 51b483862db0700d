"""An appeal against a return, refusal or rejection: one a decision, to another reviewer (C2)."""

from enum import StrEnum
from typing import Final

from services.filing.rules.flows import Action, State
from shared.lifecycle import Lifecycle, Step


class AppealState(StrEnum):
    OPEN = "OPEN"
    UPHELD = "UPHELD"
    REVERSED = "REVERSED"
    WITHDRAWN = "WITHDRAWN"


class AppealAction(StrEnum):
    UPHOLD = "UPHOLD"
    REVERSE = "REVERSE"
    WITHDRAW = "WITHDRAW"


class AppealParty(StrEnum):
    """PLATFORM ends an appeal whose filing was taken back."""

    FILER = "FILER"
    REVIEWER = "REVIEWER"
    PLATFORM = "PLATFORM"


APPEALABLE: Final = {
    State.RETURNED: Action.RETURN,
    State.REFUSED: Action.REFUSE,
    State.REJECTED: Action.REJECT,
}
APPEALS: Final = Lifecycle(
    name="filing.appeal",
    initial=AppealState.OPEN,
    steps=(
        Step(AppealAction.UPHOLD, {AppealState.OPEN}, AppealState.UPHELD, {AppealParty.REVIEWER}),
        Step(
            AppealAction.REVERSE, {AppealState.OPEN}, AppealState.REVERSED, {AppealParty.REVIEWER}
        ),
        Step(
            AppealAction.WITHDRAW,
            {AppealState.OPEN},
            AppealState.WITHDRAWN,
            {AppealParty.FILER, AppealParty.PLATFORM},
        ),
    ),
    terminal={AppealState.UPHELD, AppealState.REVERSED, AppealState.WITHDRAWN},
)
