"""A component stands on the toolbox alone: beside `shared/` in an empty folder it builds."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.components import COMPONENTS, ROOT, package

BUILD = """
import importlib, sys
app = importlib.import_module("{package}.app").build()
foreign = sorted(
    name for name in sys.modules
    if name.split(".")[0] in {{"services", "gateway", "deploy", "tests", "docs", "bench"}}
    and not (name == "services" or (name + ".").startswith("{package}."))
)
assert not foreign, foreign
print(len(app.routes), app.title)
"""


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_builds_from_the_toolbox_and_its_own_folder(component: str, tmp_path: Path):
    own = Path(*package(component).split("."))
    for folder in (Path("shared"), own):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    if component != "gateway":
        shutil.copy(ROOT / "services" / "__init__.py", tmp_path / "services" / "__init__.py")

    run = subprocess.run(
        [sys.executable, "-c", BUILD.format(package=package(component))],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert component in run.stdout


def test_the_toolbox_imports_alone(tmp_path: Path):
    shutil.copytree(
        ROOT / "shared", tmp_path / "shared", ignore=shutil.ignore_patterns("__pycache__")
    )
    code = (
        "import importlib, pkgutil, shared\n"
        "for found in pkgutil.walk_packages(shared.__path__, 'shared.'):\n"
        "    if '.migrations.' not in found.name + '.': importlib.import_module(found.name)\n"
    )

    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stderr
