"""What a NATS user may do, as subject lists: the servers and the API tell the same."""

from shared.events.envelope import STREAM


def inbox_prefix(user: str) -> str:
    """Where this user's answers arrive; clients must be told, the default inbox is refused."""
    return f"_INBOX_{user}"


def console_permissions(consumer: str) -> dict[str, list[str]]:
    """A console reads and acknowledges through its own durable consumer, no more (CON3)."""
    return {
        "publish": [
            f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}",
            f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer}",
            f"$JS.ACK.{STREAM}.{consumer}.>",
        ],
        "subscribe": [f"{inbox_prefix(consumer)}.>"],
    }
