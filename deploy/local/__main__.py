"""`python -m deploy.local [reset | clock [+3d | reset] | migration SERVICE NAME]`."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from deploy.local.state import LaunchError, explain

USAGE = """\
python -m deploy.local                          启动平台，Ctrl-C 停止 / start the platform
python -m deploy.local reset                    清空演示数据 / throw the demo's data away
python -m deploy.local clock                    查看演示时钟 / show the demo clock
python -m deploy.local clock +3d                拨快演示时钟（s m h d w）/ move the demo clock
python -m deploy.local clock reset              恢复真实时间 / back to the real time
python -m deploy.local migration SERVICE NAME   起草数据库迁移 / draft a migration"""


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments ask; a known trouble is one line in each language, without a trace."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # whatever the locale: the text is Chinese
    try:
        return _do(arguments)
    except LaunchError as error:
        return _fail(error)
    except OSError as error:
        return _fail(explain(error, Path.cwd()))
    except KeyboardInterrupt:
        print("\n已停止 / stopped", flush=True)
        return 130


def _do(arguments: Sequence[str]) -> int:
    # Each command imports only what it needs: the services take two seconds.
    match arguments:
        case []:
            from deploy.local.run import run

            return run()
        case ["reset"]:
            from deploy.local.clearing import clear

            return clear()
        case ["clock", *change]:
            from deploy.local.clock import move

            return move(change)
        case ["migration", component, name]:
            from deploy.local.migration import draft

            return draft(component, name)
        case _:
            print(USAGE, file=sys.stderr)
            return 2


def _fail(error: LaunchError) -> int:
    print(error.message_zh, error.message_en, sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
