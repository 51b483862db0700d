"""The part of curl that the README speaks, for a machine that has none."""

import argparse
import sys
from pathlib import Path
from urllib.parse import quote

import httpx

_FAILED = 22  # what curl exits with when --fail-with-body meets a 4xx or 5xx


def main(arguments: list[str]) -> int:
    """Ask once, print the body; the exit code is curl's."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-sS", action="store_true", dest="quiet")
    parser.add_argument("--fail-with-body", action="store_true")
    parser.add_argument("-G", action="store_true", dest="in_query")
    parser.add_argument("-u", dest="user")
    parser.add_argument("-H", action="append", dest="headers", default=[])
    parser.add_argument("-d", "--data-urlencode", action=_Data, dest="data", default=[])
    parser.add_argument("--data-binary", dest="raw")
    parser.add_argument("--json")
    parser.add_argument("-o", dest="output")
    parser.add_argument("-w", dest="write_out", default="")
    parser.add_argument("url")
    asked = parser.parse_args(arguments)

    headers = dict(header.split(": ", 1) for header in asked.headers)
    body: str | None = asked.json or asked.raw
    if asked.json:
        headers |= {"Content-Type": "application/json", "Accept": "application/json"}
    url = asked.url
    if asked.data and asked.in_query:
        url += ("&" if "?" in url else "?") + "&".join(asked.data)
    elif asked.data:
        body = "&".join(asked.data)
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    answer = httpx.request(
        "POST" if body is not None else "GET",
        url,
        headers=headers,
        content=None if body is None else body.encode(),
        auth=tuple(asked.user.split(":", 1)) if asked.user else None,
        timeout=30,
        trust_env=False,
    )
    if asked.output is None:
        sys.stdout.buffer.write(answer.content)
    else:
        Path(asked.output).write_bytes(answer.content)
    sys.stdout.write(asked.write_out.replace("%{http_code}", str(answer.status_code)))
    return _FAILED if asked.fail_with_body and answer.is_error else 0


class _Data(argparse.Action):
    """`-d a=b` goes as it is, `--data-urlencode a=b` with its value encoded."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,  # noqa: ARG002 argparse passes it
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        name, equals, value = str(values).partition("=")
        if option_string == "--data-urlencode":
            value = quote(value, safe="")
        namespace.data = [*namespace.data, f"{name}{equals}{value}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
