"""The five services; they know each other only by events."""
