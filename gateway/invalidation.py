"""Which kept answers an event makes stale: by the kind of record that it tells of."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from gateway.cache import ResponseCache
from shared.events.envelope import Envelope
from shared.messaging.broker import Broker
from shared.messaging.following import follow

# aggregate kind → the resources (tags) whose answers show it
RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "region": ("regions",),
    "organisation": ("organisations", "listings"),
    "hall": ("halls", "zones", "listings", "listing-changes"),
    "zone": ("zones",),
    "channel": ("channels",),
    "norm": ("norms",),
    "item": ("items", "listings", "listing-changes"),
    "listing": ("listings", "listing-changes"),
    "notice": ("notices",),
    "calendar": ("calendar",),
}
_AGAIN: Final = 1.0  # seconds: a service's own index may follow an event a moment later


async def keep_cache_true(broker: Broker, cache: ResponseCache, log: Any) -> None:
    """Drop what events make stale, now and once more a second later, until cancelled."""

    async def on_event(envelope: Envelope[Any]) -> None:
        kind = envelope.subject.partition(":")[0]
        for resource in RESOURCES.get(kind, ()):
            cache.invalidate(resource)
            asyncio.get_running_loop().call_later(_AGAIN, cache.invalidate, resource)

    async def on_reset() -> None:
        cache.invalidate_all()

    await follow(
        broker,
        service="gateway",
        subjects=["events.catalog.>"],
        on_event=on_event,
        on_reset=on_reset,
        log=log,
    )
