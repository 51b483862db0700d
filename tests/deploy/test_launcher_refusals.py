"""What stands in the way of a launcher is one line in each language."""

import socket
from pathlib import Path

import pytest

from tests.deploy.launcher import said


def test_a_taken_port_is_one_line_in_each_language(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        code, output = said(folder=tmp_path / "state", GFT_PORT=str(port))

    assert code == 1
    assert output.splitlines() == [
        f"端口 {port} 已被占用，请先停止占用它的程序或换一个端口",
        f"port {port} is taken: stop what uses it or choose another port",
    ]


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["clock", "yesterday"], {}, "not a step of the clock: yesterday"),
        (["clock", "+9999w"], {}, "not a step of the clock: +9999w"),
        ([], {"GFT_PORT": "http"}, "GFT_PORT is a port from 1 to 65535: http"),
        ([], {"GFT_DEMO_LISTINGS": "0"}, "GFT_DEMO_LISTINGS is a number from 1 to"),
        (["migration", "billing", "add_queue"], {}, "no such component: billing"),
    ],
)
def test_a_wrong_word_is_named(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], words: str
):
    code, output = said(*arguments, folder=tmp_path / "state", **environ)

    assert code == 1
    assert words in output.splitlines()[-1]
    assert "Traceback" not in output


def test_an_unknown_command_shows_what_there_is(tmp_path: Path):
    code, output = said("restart", folder=tmp_path / "state")

    assert code == 2
    assert "python -m deploy.local reset" in output
