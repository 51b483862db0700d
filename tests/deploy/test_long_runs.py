"""Runs of a test's own: killed while it loads, the whole province, given servers."""

import tempfile
from pathlib import Path

import pytest

from deploy.local import nats, postgres, province
from deploy.local.process import is_alive
from deploy.local.state import free_port
from tests.deploy.launcher import LISTINGS, ROWS, running, said


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_load_that_was_killed_goes_on_and_does_nothing_twice(tmp_path: Path):
    folder, port = tmp_path / "state", free_port()

    with running(folder, port, seconds=100, until="yearly lists: ") as killed:
        killed.process.kill()
        killed.process.wait()
    with running(folder, port, seconds=100) as again:
        total = again.get("/v1/listings").json()["total"]
        filings = again.get("/v1/filings", as_="jx-zwfw").json()["total"]
        plans = again.get("/v1/filings", as_="jx-zwfw", type="LISTING_PLAN").json()["total"]

    assert total == LISTINGS
    assert filings - plans == LISTINGS
    assert plans == len({row.organisation for row in province.choose(ROWS, LISTINGS)})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_province_is_loaded(tmp_path: Path):
    with running(tmp_path / "state", free_port(), seconds=240, listings=len(ROWS)) as whole:
        coverage = whole.get("/v1/coverage", as_="jx-zwfw", limit="100").json()["items"]
        total = whole.get("/v1/listings").json()["total"]

    assert total == len(ROWS)
    assert all(row["planned"] == row["listed"] for row in coverage)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_servers_of_one_s_own_are_used_kept_running_and_cleared_by_reset(tmp_path: Path):
    with tempfile.TemporaryDirectory(prefix="gft-own-") as scratch:
        Path(scratch).chmod(0o755)  # Postgres runs as another user when we are root
        database = postgres.start(Path(scratch) / "postgres")
        broker = nats.start(Path(scratch) / "nats")
        own = {"GFT_DATABASE_URL": database.dsn, "GFT_NATS_URL": broker.users["operator"].url}
        try:
            with running(tmp_path / "state", free_port(), seconds=100, own=own) as started:
                total = started.get("/v1/listings").json()["total"]
                code = started.stop()
            other, refusal = said(folder=tmp_path / "other", GFT_PORT=str(free_port()), **own)
            cleared, _ = said("reset", folder=tmp_path / "state", **own)
            again, _ = said("reset", folder=tmp_path / "other", **own)
            alive = [is_alive(database.pid), is_alive(broker.pid)]
        finally:
            broker.stop()
            database.stop()

    assert (total, code, alive) == (LISTINGS, 0, [True, True])
    assert other == 1
    assert "the database holds data of another state folder" in refusal
    assert (cleared, again) == (0, 0)
