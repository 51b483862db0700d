"""The components as the tests of this folder see them: whatever has an app.py."""

import importlib
from pathlib import Path

from fastapi import FastAPI

ROOT = Path(__file__).resolve().parents[2]
SERVICES = tuple(sorted(file.parent.name for file in ROOT.glob("services/*/app.py")))
COMPONENTS = (*SERVICES, "gateway")


def package(component: str) -> str:
    return component if component == "gateway" else f"services.{component}"


def build(component: str) -> FastAPI:
    app: FastAPI = importlib.import_module(f"{package(component)}.app").build()
    return app


def python_files(*folders: str) -> list[Path]:
    return sorted(
        file for folder in folders for file in (ROOT / folder).rglob("*.py") if file.is_file()
    )
