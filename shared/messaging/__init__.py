"""Facts on their way: outbox, relay, broker, inbox, dead letters, archive."""
