"""`python -m bench.serve CONFIG`: one component behind its edge, alone in its process."""

import importlib
import json
import os
import sys
from pathlib import Path

from fastapi import FastAPI

from deploy.local.place import HOST
from shared.serve import DrainingServer, config


def main(given: Path) -> None:
    """What `python -m shared.serve` does, with the settings of the file and on loopback."""
    told = json.loads(given.read_text("utf-8"))
    os.environ.update(told["environ"])
    component = told["component"]
    package = component if component == "gateway" else f"services.{component}"
    app: FastAPI = importlib.import_module(f"{package}.app").build()
    settings = app.state.settings = app.state.settings_class()
    made = config(app, settings, host=HOST, port=told["port"])
    DrainingServer(made, app, drain_seconds=settings.drain_seconds).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
