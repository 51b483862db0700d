#!/usr/bin/env bash
# Makes .venv from a lock file with hashes. Needs python3 (3.11 or newer) and python3-venv, no more.
# What can go wrong on a fresh machine is said in one line of each language.
set -euo pipefail
python=$1 lock=$2

fail() { printf '\n%s\n%s\n' "$1" "$2" >&2; exit 1; }
no_space() { fail "磁盘空间不足：$PWD 或 ${TMPDIR:-/tmp} 已满，至少需要 1 GB" \
                  "the disk is full: $PWD or ${TMPDIR:-/tmp} needs at least 1 GB"; }

command -v "$python" >/dev/null ||
    fail "缺少 $python：请先安装 Python 3.11 或更新版本（apt install python3 python3-venv）" \
         "$python is missing: install Python 3.11 or newer (apt install python3 python3-venv)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "需要 Python 3.11 或更新版本，当前为 $("$python" --version 2>&1)" \
         "Python 3.11 or newer is needed, this is $("$python" --version 2>&1)"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "缺少 python3-venv：请运行 apt install python3-venv" \
         "python3-venv is missing: run apt install python3-venv"
[ -w . ] || fail "没有写入权限：$PWD" "no permission to write: $PWD"
[ "$(df -Pk . | awk 'NR==2 {print $4}')" -gt 1048576 ] || no_space

log=$(mktemp 2>/dev/null) || no_space
trap 'rm -f "$log"' EXIT

explain() { # the reason of the last step, as far as its output tells
    if grep -qiE 'no space left|disk quota exceeded|os error 28' "$log"; then no_space; fi
    if grep -qiE 'permission denied|read-only file system' "$log"; then
        fail "没有写入权限：$PWD/.venv（请删除后重试）" "no permission to write: $PWD/.venv"
    fi
    if grep -qiE 'hash(es)? .*(mismatch|not match)|do not match the hashes' "$log"; then
        fail "软件包与锁文件的校验值不符，已停止安装：$lock" \
             "a package does not match its hash in the lock file, nothing was installed: $lock"
    fi
    if grep -qiE 'dns error|name resolution|connection (refused|reset|error)|failed to (fetch|connect)|error sending request|timed out|network is unreachable|no route|proxy|certificate|no matching distribution|no solution found' "$log"; then
        fail "无法从软件源下载依赖：请检查网络，或用 PIP_INDEX_URL 指定可用的软件源" \
             "cannot download from the package index: check the network, or name one in PIP_INDEX_URL"
    fi
    fail "安装失败：$(tail -1 "$log")" "the installation failed (last line above)"
}
step() { # a line that says what is done, then whether it went well
    printf '%s … ' "$1"
    shift
    if "$@" >"$log" 2>&1; then printf 'ok\n'; else printf 'failed\n'; return 1; fi
}
pip() { .venv/bin/python -m pip "$@"; }
setting() { # what pip was told about the package index, by the environment or a file
    local name=PIP_${1^^}
    name=${name//-/_}
    printf '%s' "${!name:-$(pip config get "global.$1" 2>/dev/null || true)}"
}
with_uv() { # the same index as pip's; the hashes of the lock say which files are good
    local index extra links cert
    index=$(setting index-url) extra=$(setting extra-index-url)
    links=$(setting find-links) cert=$(setting cert)
    [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
    [ -z "$extra" ] || export UV_INDEX=${UV_INDEX:-$extra}
    [ -z "$links" ] || export UV_FIND_LINKS=${UV_FIND_LINKS:-$links}
    [ -z "$cert" ] || export SSL_CERT_FILE=${SSL_CERT_FILE:-$cert}
    UV_INDEX_STRATEGY=unsafe-best-match UV_HTTP_RETRIES=1 \
        .venv/bin/uv pip install --python .venv/bin/python --require-hashes -r "$lock"
}
with_pip() { pip install --disable-pip-version-check --require-hashes -r "$lock"; }

# An environment that was left half made, or whose Python has gone, is made anew.
if ! pip --version >/dev/null 2>&1; then
    step '[1/3] 创建虚拟环境 virtual environment' "$python" -m venv --clear .venv || explain
fi
if step '[2/3] 安装器 installer' \
    pip install --disable-pip-version-check --require-hashes -r deploy/local/uv.lock.txt &&
    step "[3/3] 安装依赖 dependencies ($lock)" with_uv; then
    exit 0
fi
step "[3/3] 用 pip 安装依赖 dependencies with pip ($lock)" with_pip || explain
