"""Wiring only: the filing service."""

from fastapi import FastAPI

from services.filing.api import router
from services.filing.event_handlers import HANDLERS
from services.filing.schedule import SCHEDULE
from shared.app import create_app


def build() -> FastAPI:
    return create_app(
        "filing",
        package="services.filing",
        router=router,
        handlers=HANDLERS,
        schedule=SCHEDULE,
    )
