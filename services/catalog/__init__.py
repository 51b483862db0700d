"""Catalog: who there is, what can be done where, and what the public sees of it."""
