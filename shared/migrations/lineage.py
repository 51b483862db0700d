"""Where the lineage of a component lies, and how alembic is told."""

import importlib
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

ROOT = Path(__file__).resolve().parents[2]


def package_of(component: str) -> str:
    return component if component == "gateway" else f"services.{component}"


def config(component: str) -> Config:
    """Alembic's configuration for one component, without reading a file."""
    made = Config()
    made.set_main_option("script_location", str(ROOT / "shared" / "migrations"))
    folder = ROOT.joinpath(*package_of(component).split("."), "migrations")
    made.set_main_option("version_locations", str(folder))
    made.set_main_option("path_separator", "os")
    made.attributes["component"] = component
    return made


def head(component: str) -> str:
    revision = ScriptDirectory.from_config(config(component)).get_current_head()
    if revision is None:
        raise LookupError(f"{component} has no migrations")
    return revision


def metadata(component: str) -> MetaData:
    tables = importlib.import_module(f"{package_of(component)}.tables")
    found: MetaData = tables.metadata
    return found
