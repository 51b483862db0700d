"""Another service's permanent record of events, over HTTP as any API client reads it (ADR 5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson

from shared.settings import Settings

PAGE: Final = 256
RECORD_ERRORS: Final = (httpx.HTTPError, OSError, ValueError, KeyError)
_TIMEOUT: Final = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Envelopes behind a position, oldest first; a short page is the last one."""

    envelopes: Sequence[bytes]
    next_after: int
    is_last: bool


class Record:
    """The records of all services behind one gateway, read as one of its API clients.

    The client needs the scope `events:read` and a role that may read events: CONSOLE is enough. Its
    secret is read whenever it is needed: it may be given, or changed, while this runs.
    """

    def __init__(
        self,
        gateway_url: str,
        *,
        client_id: str,
        client_secret: Callable[[], str],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=gateway_url, timeout=_TIMEOUT, trust_env=False, transport=transport
        )
        self._client_id = client_id
        self._client_secret = client_secret
        self._token: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Record | None":
        """None where no gateway is named: what the stream no longer holds is then parked."""
        name, file = settings.record_client_id, settings.record_secret_file
        if settings.record_url is None or name is None or file is None:
            return None
        return cls(settings.record_url, client_id=name, client_secret=file.read_text)

    async def read(self, source: str, *, after: int) -> RecordPage:
        """Up to 256 events; raises one of `RECORD_ERRORS` when they cannot be had now."""
        answer = await self._get(source, after)
        if answer.status_code == httpx.codes.UNAUTHORIZED:  # ten minutes are over
            self._token = None
            answer = await self._get(source, after)
        answer.raise_for_status()
        page: dict[str, Any] = orjson.loads(answer.content)
        return RecordPage(
            [orjson.dumps(item["event"]) for item in page["items"]],
            page["next_after"],
            len(page["items"]) < PAGE,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def _get(self, source: str, after: int) -> httpx.Response:
        if self._token is None:
            self._token = await self._authorised()
        return await self._client.get(
            f"/v1/{source}/events",
            params={"after": after, "limit": PAGE},
            headers={"Authorization": f"Bearer {self._token}"},
        )

    async def _authorised(self) -> str:
        answer = await self._client.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials", "scope": "events:read"},
            auth=httpx.BasicAuth(self._client_id, self._client_secret().strip()),
        )
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token
