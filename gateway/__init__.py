"""The one door from outside: identity, routing, limits, cache; it imports no service."""
