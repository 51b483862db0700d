"""`python -m bench.peers`: unpack nginx, wrk and blackbox_exporter, without any privilege."""

import subprocess
import sys

from bench.peers import unpack
from deploy.local.state import LaunchError

if __name__ == "__main__":
    try:
        peers = unpack()
    except LaunchError as error:
        print(error.message_zh, error.message_en, sep="\n", file=sys.stderr)
        sys.exit(1)
    for program in (peers.nginx, peers.wrk):
        said = subprocess.run(
            [program, "-v"], env=dict(peers.environ), capture_output=True, text=True, check=False
        )
        print((said.stdout or said.stderr).splitlines()[0])
