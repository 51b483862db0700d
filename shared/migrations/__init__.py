"""One alembic environment for every lineage; each schema has its own version table."""
