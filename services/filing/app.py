"""The filing service, wired: its three doors and its keyring."""

from contextlib import AsyncExitStack

from fastapi import FastAPI

from services.filing.api import router
from services.filing.commands import LIMIT_UNITS
from services.filing.event_handlers import HANDLERS
from services.filing.schedule import SCHEDULE
from shared.app import create_app
from shared.security.encryption import Keyring


def build() -> FastAPI:
    """The application; nothing is opened before its start."""
    return create_app(
        "filing",
        package="services.filing",
        router=router,
        handlers=HANDLERS,
        schedule=SCHEDULE,
        on_start=start,
    )


async def start(app: FastAPI, _stack: AsyncExitStack) -> None:
    """Read the keyring of attachments; limits are changed with a preview alone."""
    state = app.state
    state.previewed_units = LIMIT_UNITS
    if state.settings.keyring_file is None:
        raise ValueError("keyring_file: attachments cannot be sealed without it")
    state.keyring = Keyring.load(state.settings.keyring_file)
