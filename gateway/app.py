"""Wiring of the gateway."""

from fastapi import FastAPI

from gateway.api import router
from gateway.cross_origin import CrossOrigin
from gateway.data_path import DataPath
from gateway.documents import docs_page
from gateway.errors import OAuthRefusal
from gateway.event_handlers import HANDLERS
from gateway.oauth.api import on_refusal
from gateway.protocol import gateway_protocol
from gateway.settings import GatewaySettings
from gateway.start import on_start
from shared.app import create_app


def build() -> FastAPI:
    made = create_app(
        "gateway",
        package="gateway",
        router=router,
        handlers=HANDLERS,
        on_start=on_start,
        settings=GatewaySettings,
        layers=[DataPath, CrossOrigin],
    )
    made.state.protocol = gateway_protocol(lambda: getattr(made.state, "fast_path", None))
    made.add_exception_handler(OAuthRefusal, on_refusal)
    made.add_route("/docs", docs_page)
    made.add_route("/docs/{name}", docs_page)
    return made


app = build()
