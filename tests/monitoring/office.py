"""A department's system that takes applications: log in, apply, withdraw."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

PASSWORD = "walks-in-5678"
SESSION = "session-4711-abcdef"


@dataclass
class Office:
    """Answers `status` and `body` for a path of `answers`, else as it should."""

    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    applications: dict[str, Any] = field(default_factory=dict)
    pause: float = 0.0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                fields = dict(
                    line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
                )
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                self.asked.append((method, path))
                await asyncio.sleep(self.pause)
                status, told = self.answers.get(path) or self.answer(
                    method, path, fields, body.decode()
                )
                length = len(told.encode())
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n".encode())
                writer.write(told.encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def answer(self, method: str, path: str, fields: dict[str, str], body: str) -> tuple[int, str]:
        if path == "/login":
            right = json.loads(body)["password"] == PASSWORD
            return (200, json.dumps({"session": SESSION})) if right else (401, body)
        if fields.get("authorization") != f"bearer {SESSION}":
            return 403, "{}"
        if method == "POST":
            number = f"a/{len(self.asked)}"
            self.applications[number] = json.loads(body)
            return 201, json.dumps({"id": number})
        number = path.removeprefix("/applications/").replace("%2F", "/")
        if number not in self.applications:
            return 404, "{}"
        if method == "DELETE":
            del self.applications[number]
            return 200, "{}"
        return 200, json.dumps({"state": "RECEIVED"})

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


async def opened(office: Office) -> asyncio.Server:
    """Let it listen on a free port of loopback."""
    server = await asyncio.start_server(office.serve, "127.0.0.1", 0)
    office.port = server.sockets[0].getsockname()[1]
    return server


def through(office: Office, **changes: Any) -> dict[str, Any]:
    """What an owner says of a walk through that office."""
    bearer = {"Authorization": "Bearer {{session}}"}
    return {
        "name": "模拟办理",
        "steps": [
            {
                "name": "登录",
                "url": office.url("/login"),
                "method": "POST",
                "headers": {"Content-Type": "application/json"},
                "body": '{"user": "probe", "password": "{{secret.password}}"}',
                "conditions": ["[STATUS] == 200"],
                "captures": {"session": "[BODY].session"},
            },
            {
                "name": "申请",
                "url": office.url("/applications"),
                "method": "POST",
                "headers": bearer,
                "body": '{"kind": "test"}',
                "conditions": ["[STATUS] == 201"],
                "captures": {"id": "[BODY].id"},
            },
            {
                "name": "查询",
                "url": office.url("/applications/{{id}}"),
                "headers": bearer,
                "conditions": ["[BODY].state == RECEIVED"],
            },
        ],
        "cleanup": [
            {
                "name": "撤回",
                "url": office.url("/applications/{{id}}"),
                "method": "DELETE",
                "headers": bearer,
                "conditions": ["[STATUS] == 200"],
            }
        ],
        "secrets": {"password": PASSWORD},
        "interval_seconds": 600,
        "timeout_seconds": 2,
        **changes,
    }
