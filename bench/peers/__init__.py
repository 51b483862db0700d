"""The peers that Debian has, unpacked into a folder, never installed."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.state import LaunchError, open_state

PACKAGES = ("nginx", "wrk", "libluajit-5.1-2", "prometheus-blackbox-exporter")
FOLDER = "bench-peers"


@dataclass(frozen=True)
class Peers:
    """Where the unpacked programs lie."""

    root: Path

    @property
    def nginx(self) -> Path:
        return self.root / "usr" / "sbin" / "nginx"

    @property
    def wrk(self) -> Path:
        return self.root / "usr" / "bin" / "wrk"

    @property
    def blackbox(self) -> Path | None:
        """None in a folder that was filled before it was a peer."""
        program = self.root / "usr" / "bin" / "prometheus-blackbox-exporter"
        return program if program.exists() else None

    @property
    def environ(self) -> Mapping[str, str]:
        """wrk's LuaJIT lies beside it."""
        libraries = [str(each) for each in sorted((self.root / "usr" / "lib").glob("*-linux-gnu"))]
        return {"PATH": os.defpath, "LD_LIBRARY_PATH": ":".join(libraries)}

    def runs(self) -> bool:
        return all(_says_version(each, self.environ) for each in (self.nginx, self.wrk))


def installed() -> Peers | None:
    """What `make bench-peers` unpacked, or None where it does not run."""
    peers = Peers(open_state().root / FOLDER)
    return peers if peers.runs() else None


def unpack() -> Peers:
    """Download the packages as apt knows them (signatures checked), and take their files out."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise LaunchError(
                f"未找到 {tool}：对照程序取自 Debian 软件包",
                f"{tool} not found: the peers come from Debian packages",
            )
    root = open_state().root / FOLDER
    shutil.rmtree(root, ignore_errors=True)
    downloads = root / "packages"
    downloads.mkdir(parents=True)
    downloads.chmod(0o755)
    fetched = subprocess.run(
        ["apt-get", "download", "--quiet", *PACKAGES],  # noqa: S607 Debian's own, wherever it is
        cwd=downloads,
        capture_output=True,
        text=True,
        check=False,
    )
    if fetched.returncode:
        reason = (fetched.stderr.strip().splitlines() or ["-"])[-1]
        raise LaunchError(
            f"无法下载 Debian 软件包（可先运行 apt-get update）：{reason}",
            f"cannot download Debian packages (try apt-get update first): {reason}",
        )
    for package in sorted(downloads.glob("*.deb")):
        subprocess.run(["dpkg", "--extract", package, root], check=True)  # noqa: S607 same
    peers = Peers(root)
    if not peers.runs():
        raise LaunchError(
            f"已解包的程序无法在本机（{platform.machine()}）运行：{root}",
            f"the unpacked programs do not run here ({platform.machine()}): {root}",
        )
    return peers


def _says_version(program: Path, environ: Mapping[str, str]) -> bool:
    try:
        said = subprocess.run(
            [program, "-v"], env=dict(environ), capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    # not by the exit code: wrk ends with 1 after its version
    name = program.name
    return said.stdout.startswith(f"{name} ") or said.stderr.startswith(f"{name} version")
