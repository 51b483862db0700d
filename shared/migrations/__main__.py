"""`python -m shared.migrations <component> [down]`, as GFT_OWNER_DATABASE_URL: the job."""

import asyncio
import os
import sys

from shared.migrations.run import downgrade, upgrade

component, *rest = sys.argv[1:]
work = downgrade if rest == ["down"] else upgrade
changed = asyncio.run(work(component, os.environ["GFT_OWNER_DATABASE_URL"]))
sys.stdout.write(f"{component}: {'migrated' if changed else 'at head'}\n")
