#!/usr/bin/env bash
# Makes .venv from a lock file with hashes. Needs python3 (3.11 or newer) and python3-venv, no more.
set -euo pipefail
python=$1 lock=$2

fail() { printf '%s\n%s\n' "$1" "$2" >&2; exit 1; }

command -v "$python" >/dev/null ||
    fail "缺少 $python：请先安装 Python 3.11 或更新版本（apt install python3 python3-venv）" \
         "$python is missing: install Python 3.11 or newer (apt install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "需要 Python 3.11 或更新版本" "Python 3.11 or newer is needed"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "缺少 python3-venv：请运行 apt install python3-venv" \
         "python3-venv is missing: run apt install python3-venv"
free=$(df -Pk . | awk 'NR==2 {print $4}')
[ "$free" -gt 1048576 ] ||
    fail "磁盘空间不足：至少需要 1 GB" "the disk is full: at least 1 GB is needed"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
step() {
    printf '%s … ' "$1"
    shift
    if "$@" >"$log" 2>&1; then printf 'ok\n'; else printf 'failed\n'; tail -5 "$log" >&2; exit 1; fi
}
[ -x .venv/bin/python ] || step "[1/3] 创建虚拟环境 virtual environment" "$python" -m venv .venv
uv_lock=deploy/local/uv.lock.txt
if .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
    -r "$uv_lock" >"$log" 2>&1; then
    printf '[2/3] 安装器 installer … ok\n'
    step "[3/3] 安装依赖 dependencies ($lock)" \
        .venv/bin/uv pip install --python .venv/bin/python --require-hashes -r "$lock"
else
    printf '[2/3] 安装器 installer … pip\n'
    step "[3/3] 安装依赖 dependencies ($lock)" \
        .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r "$lock"
fi
