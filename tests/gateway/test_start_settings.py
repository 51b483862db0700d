"""A gateway that would not find a service does not start, and says so in one line."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from gateway.settings import SERVICES
from tests.suite import PROVINCE, Suite

WHOLE = dict.fromkeys(SERVICES, "http://127.0.0.1:9000")


def told(**settings: Any) -> tuple[int, list[str]]:
    """Exit code and lines of a gateway of the demo profile that starts with these settings."""
    given = {"database_url": "postgresql://gateway:geheim@127.0.0.1:9/none", "profile": "demo"}
    given |= {"nats_url": "nats://127.0.0.1:9"} | settings
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GFT_")}
    environ |= {f"GFT_{name.upper()}": value for name, value in given.items()}
    done = subprocess.run(
        [sys.executable, "-m", "shared.serve", "gateway", "0"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.feature("G1")
@pytest.mark.parametrize(
    ("upstreams", "line"),
    [
        (WHOLE | {"filling": "http://a:1"}, "GFT_UPSTREAMS: there is no service filling"),
        (
            WHOLE | {"filing": "https://a:1"},
            "GFT_UPSTREAMS: filing is http://host:port or unix:/path",
        ),
        (
            dict.fromkeys(SERVICES - {"filing"}, "http://a:1,http://b:1"),
            "GFT_UPSTREAMS: give the address of filing",
        ),
    ],
)
def test_a_service_that_is_not_or_wrongly_named_is_one_line(upstreams: dict[str, str], line: str):
    assert told(upstreams=json.dumps(upstreams)) == (1, [line])


def test_each_setting_that_is_wrong_is_a_line_without_what_was_given():
    code, lines = told(upstreams=json.dumps(WHOLE), pool_size="900", database_url="", faults="[1]")

    assert code == 1
    assert [line.partition(":")[0] for line in lines] == ["GFT_POOL_SIZE", "GFT_FAULTS.0"]
    assert "900" not in "".join(lines)


async def test_an_operation_of_a_service_that_a_test_leaves_out_is_unavailable(suite: Suite):
    client = await suite.start("gateway", upstreams={"catalog": "http://127.0.0.1:9"})

    answer = await client.get("/v1/filings", headers=suite.headers(PROVINCE))

    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
