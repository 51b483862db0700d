"""Every operation, called by a machine with what its description allows and what it forbids.

Schemathesis reads the gateway's document and calls gateway, catalog and filing through the real
door; the same seed asks the same questions (reliability §10, row 40).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.security.access import OPERATIONS, Effect
from shared.security.files import FileKind
from shared.security.identity import Actor
from tests.province import Caller, content, found_province, listed, plan, submitted
from tests.suite import LABOUR, NANCHANG, PROVINCE, Suite, eventually

SEED = 20251103
# It finds out how to lock itself out with these.
LEFT_OUT = ("suspendClient", "changeGatewayPolicy", "rotateSigningKeys")
SETTINGS = """
hooks = "files_as_bytes"

[checks]
positive_data_acceptance.enabled = false  # what may be written well may still be refused: 409, 403
missing_required_header.expected-statuses = [400, 401, 403, 404, 406, 415, 422, 428]
negative_data_rejection.expected-statuses = [
    400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429
]
"""
# It has no words of its own for these kinds of file.
HOOKS = f"""import schemathesis

schemathesis.serializer.alias({[kind.value for kind in FileKind]}, "application/octet-stream")
"""


@pytest.fixture(scope="module")
async def platform(suite: Suite) -> httpx.AsyncClient:
    """A province with records in several states, so that what is guessed finds something."""
    client = await suite.serve_all()
    await found_province(suite, client)
    await plan(suite, client, LABOUR, "demo-rst-001", "demo-rst-002")
    await plan(suite, client, NANCHANG, "demo-rst-001")
    await listed(suite, client, LABOUR, "demo-rst-001")
    await submitted(suite, client, LABOUR, content("demo-rst-002", LABOUR, title="失业登记"))
    await submitted(suite, client, NANCHANG, content("demo-rst-001", NANCHANG))
    return client


@pytest.fixture(scope="module")
async def folder(
    suite: Suite, platform: httpx.AsyncClient, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The whole document, and ids that exist for most of the calls that need one."""
    made = tmp_path_factory.mktemp("schemathesis")

    async def whole() -> Any:
        found = await platform.get("/openapi.json")
        return found if len(found.json()["paths"]) > 80 else None

    made.joinpath("openapi.json").write_bytes((await eventually(whole)).content)
    province = Caller(suite, platform, PROVINCE)
    filings = (await province.get("/v1/filings")).json()["items"]
    listings = (await province.get("/v1/listings")).json()["items"]
    known = {
        "path.filing_id": [each["id"] for each in filings],
        "path.listing_id": [each["id"] for each in listings],
        "path.organisation_id": ["jx-rst", "city-360100"],
        "path.hall_id": ["hall-36", "hall-360100"],
        "path.item_code": ["demo-rst-001"],
        "path.filing_type": ["LISTING", "UPDATE"],
        "path.resource": ["regions", "items"],
    }
    lines = [SETTINGS]
    for place, values in known.items():
        name = place.rpartition(".")[2]
        lines.append(f"[dictionaries.{name}]\nvalues = {json.dumps(values)}\n")
    lines.append("[parameters]")
    for place in known:
        name = place.rpartition(".")[2]
        lines.append(f'"{place}" = {{ dictionary = "{name}", probability = 0.7 }}')
    made.joinpath("files_as_bytes.py").write_text(HOOKS)
    made.joinpath("schemathesis.toml").write_text("\n".join(lines))
    return made


async def asked(
    folder: Path, suite: Suite, who: Actor, *, phases: str, most: int
) -> dict[str, Any]:
    """The report of one run, in a process of its own, as this caller."""
    report = folder / f"{who.organisation}.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(folder / "schemathesis.toml"), "run", str(folder / "openapi.json")),
        *("--url", suite.urls["gateway"], "--header", f"Authorization: Bearer {suite.token(who)}"),
        *("--phases", phases, "--max-examples", str(most), "--seed", str(SEED), "--no-shrink"),
        *(part for name in LEFT_OUT for part in ("--exclude-operation-id", name)),
        *("--continue-on-failure", "--warnings", "off", "--no-color"),
        *("--report", "json", "--report-json-path", str(report)),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert report.exists(), said.decode()
    found: dict[str, Any] = json.loads(report.read_bytes())
    print(f"{who.organisation}: {found['test_cases']}, failures {len(found['failures'])}")  # noqa: T201 the figure of the row
    assert found["failures"] == [], said.decode()[-8000:]
    assert found["errors"] == [], said.decode()[-8000:]
    return found


def accepted(report: dict[str, Any]) -> set[str]:
    """The operations of which at least one call was answered with success."""
    return {
        operation
        for operation, phases in report["valid_rates"].items()
        if any(phase["accepted"] for phase in phases.values())
    }


@pytest.mark.timeout(300)  # thousands of calls, on a machine that may be busy
@pytest.mark.feature("API9")
@pytest.mark.feature("API1")
@pytest.mark.feature("API2")
async def test_as_the_province_no_call_breaks_a_service_or_its_description(suite, folder):
    report = await asked(folder, suite, PROVINCE, phases="examples,coverage,fuzzing", most=2)

    reads = [row for row in OPERATIONS.values() if row.effect in (Effect.READ, Effect.PUBLIC_READ)]
    assert report["complete"]
    assert report["operations"]["tested"] == len(OPERATIONS) - len(LEFT_OUT)
    assert report["test_cases"]["generated"] > 50 * len(OPERATIONS)
    assert len(accepted(report)) > len(reads) / 2


@pytest.mark.timeout(300)  # as above
@pytest.mark.feature("API9")
async def test_as_a_city_no_call_breaks_a_service_or_its_description(suite, folder):
    report = await asked(folder, suite, NANCHANG, phases="fuzzing", most=3)

    assert report["complete"]
    assert len(accepted(report)) > 20
