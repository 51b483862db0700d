"""`make migration SERVICE=… NAME=…`: compare tables.py with the lineage and draft the next step."""

import asyncio
import re
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local import postgres, roles
from deploy.local.state import LaunchError, require_space
from shared.migrations.lineage import ROOT, config, head, package_of
from shared.migrations.run import upgrade
from shared.settings import asyncpg_url

_NAME = re.compile(r"[a-z][a-z0-9_]{2,50}")


def draft(component: str, name: str) -> int:
    """Write `migrations/<next number>_<name>.py` from an empty database at the present head."""
    folder = ROOT.joinpath(*package_of(component).split("."), "migrations")
    if component not in roles.COMPONENTS or not folder.is_dir():
        raise LaunchError(f"没有这个组件：{component}", f"no such component: {component}")
    if not _NAME.fullmatch(name):
        raise LaunchError(
            f"迁移名称须由小写字母、数字和下划线组成：{name}",
            f"a migration's name is lower case with underscores: {name}",
        )
    revision = f"{int(head(component)) + 1:04d}"
    with tempfile.TemporaryDirectory(prefix="gft-migration-") as scratch:
        Path(scratch).chmod(0o755)  # Postgres runs as another user when we are root
        require_space(Path(scratch))
        running = postgres.start(Path(scratch) / "postgres", settings={"fsync": "off"})
        try:
            owner = asyncio.run(_at_head(running.dsn, component, Path(scratch)))
            asyncio.run(_draft(component, owner, revision=revision, name=name))
        finally:
            running.stop()
    for file in folder.glob(f"{revision}_*.py"):
        print(f"已起草，请检查 / drafted, to be read: {file.relative_to(ROOT)}")
    return 0


async def _at_head(superuser: str, component: str, folder: Path) -> str:
    secrets = roles.role_passwords(folder / "passwords.json", services=[component])
    await roles.ensure_roles(superuser, services=[component], passwords=secrets)
    owner = f"{component}_owner"
    url = roles.role_dsn(superuser, owner, secrets[owner])
    await upgrade(component, url)
    return url


async def _draft(component: str, url: str, *, revision: str, name: str) -> None:
    made = config(component)
    made.set_main_option("file_template", "%%(rev)s_%%(slug)s")

    def compare(connection: Connection) -> None:
        made.attributes["connection"] = connection
        command.revision(made, message=name, autogenerate=True, rev_id=revision)

    # With the owner's search_path alembic would take the schema for the default one, of no name.
    plain = {"server_settings": {"search_path": "public"}}
    engine = create_async_engine(asyncpg_url(url), connect_args=plain)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(compare)
    finally:
        await engine.dispose()
