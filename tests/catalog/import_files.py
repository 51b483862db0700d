"""Files to import, and how one begins."""

from pathlib import Path

from tests.catalog.province import Catalog
from tests.suite import PROVINCE

DATA = Path(__file__).parents[2] / "deploy" / "local" / "data"
HEADER = "code,code_scheme,name,item_type,level,department,audiences,initiation,summary,keywords"


def items_csv(count: int, prefix: str = "demo-bulk", department: str = "jx-rst") -> str:
    rows = [
        f"{prefix}-{n:05},demo,批量事项{n},20,7,{department},1;2,ON_APPLICATION,批量导入的事项。,批量"
        for n in range(count)
    ]
    return "\n".join([HEADER, *rows]) + "\n"


async def start(catalog: Catalog, resource: str, body: bytes, *, actor=PROVINCE, **headers: str):
    return await catalog.client.post(
        f"/v1/imports/{resource}",
        content=body,
        headers={
            **catalog.suite.headers(actor),
            "content-type": "text/csv",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        },
    )
