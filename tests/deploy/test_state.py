"""The folder that keeps a launcher's state, and one clear line when a start cannot work."""

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from deploy.local import nats, postgres, state
from deploy.local.state import LaunchError
from tests.deploy.programs import PROJECT, one_line


@pytest.mark.parametrize("server", [postgres, nats], ids=["postgres", "nats"])
def test_a_taken_port_is_one_clear_line(server, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(
            LaunchError, match=f"端口 {port} 已被占用.*port {port} is taken"
        ) as error:
            server.start(tmp_path / "server", port=port)

    assert one_line(error)


@pytest.mark.parametrize("server", [postgres, nats], ids=["postgres", "nats"])
def test_a_folder_that_cannot_be_made_is_one_clear_line(server, tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(LaunchError, match="无法使用") as error:
        server.start(tmp_path / "file" / "server")

    assert one_line(error)


def test_a_damaged_data_folder_names_the_reason_and_the_log(spare):
    version = spare / "postgres" / "PG_VERSION"
    right = version.read_text(encoding="ascii")
    version.write_text("9\n", encoding="ascii")

    try:
        with pytest.raises(LaunchError, match=r"did not start: .*incompatible") as error:
            postgres.start(spare / "postgres")
    finally:
        version.write_text(right, encoding="ascii")

    assert one_line(error)
    assert str(spare / "postgres.log") in error.value.message_en


def test_too_little_space_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(LaunchError, match="磁盘空间不足") as error:
        state.open_state(tmp_path / "state", minimum_space=1 << 60)

    assert one_line(error)
    assert "MB needed" in error.value.message_en


def test_a_disk_that_fills_up_is_named_as_that(tmp_path):
    with (
        pytest.raises(LaunchError, match="磁盘空间已满") as error,
        state.readable_errors(tmp_path),
        Path("/dev/full").open("w", encoding="ascii", buffering=1) as full,
    ):
        full.write("more\n")

    assert one_line(error)
    assert isinstance(error.value.__cause__, OSError)
    assert error.value.__cause__.errno == errno.ENOSPC


def test_the_state_folder_is_in_the_project_unless_the_environment_names_another(tmp_path):
    here = state.open_state(environ={"GFT_STATE_DIR": str(tmp_path / "elsewhere")})

    assert here.root == tmp_path / "elsewhere"
    assert state.PROJECT_ROOT == PROJECT
    assert stat.S_IMODE(here.root.stat().st_mode) == 0o700


@pytest.mark.feature("O3")
def test_passwords_stay_the_same_and_only_their_owner_can_read_them(tmp_path):
    file = tmp_path / "passwords.json"

    first = state.passwords(file, ["a", "b"])
    second = state.passwords(file, ["b", "c"])

    assert second["b"] == first["b"]
    assert len({*first.values(), *second.values()}) == 3
    assert min(map(len, second.values())) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_port_is_remembered_while_it_is_free(tmp_path):
    here = state.open_state(tmp_path / "state")

    first = state.remembered_port(here, "gateway")
    second = state.remembered_port(here, "gateway")
    with socket.create_server(("127.0.0.1", first)):
        third = state.remembered_port(here, "gateway")

    assert first == second != third


def test_a_folder_with_other_files_is_never_taken_nor_reset(tmp_path):
    (tmp_path / "thesis.odt").touch()

    with pytest.raises(LaunchError, match="其他文件"):
        state.open_state(tmp_path)

    assert (tmp_path / "thesis.odt").exists()


def test_reset_removes_the_folder_but_not_under_a_running_suite(tmp_path):
    here = state.open_state(tmp_path / "state")

    with state.hold(here), pytest.raises(LaunchError, match=f"进程 {os.getpid()}"):
        state.reset(here)
    kept = here.root.exists()
    state.reset(here)

    assert kept
    assert not here.root.exists()
