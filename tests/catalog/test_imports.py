"""Bulk import over HTTP: dry run, errors by row, a second import that changes nothing."""

import codecs
import csv
import io
import json
from uuid import UUID, uuid4

import pytest

from services.catalog.commands import imports
from services.catalog.rules.tables import CHUNK, LAYOUTS
from tests.catalog.import_files import DATA, items_csv, start
from tests.catalog.province import Catalog, item
from tests.suite import MINI_APP, NANCHANG, OPERATOR, PROVINCE


@pytest.mark.feature("DEP4")
async def test_the_demo_province_comes_in_and_a_second_time_changes_nothing(catalog: Catalog):
    for resource in LAYOUTS:
        body = (DATA / f"{resource.replace('-', '_')}.csv").read_bytes()
        rows = len(body.splitlines()) - 1

        dry = await catalog.import_file(resource, body, dry_run=True)
        first = await catalog.import_file(resource, body)
        told = await catalog.outbox_size()
        second = await catalog.import_file(resource, body)

        assert (first["failed"], first["done"], first["state"]) == (0, rows, "DONE")
        assert [dry[key] for key in ("inserted", "updated", "unchanged")] == [
            first[key] for key in ("inserted", "updated", "unchanged")
        ]
        assert (second["unchanged"], second["inserted"], second["updated"]) == (rows, 0, 0)
        assert await catalog.outbox_size() == told


@pytest.mark.feature("DEP4")
@pytest.mark.feature("C6")
async def test_a_dry_run_shows_the_difference_and_changes_nothing(catalog: Catalog):
    await catalog.import_rows("items", [item("demo-dry-1", "旧名称")])
    told = await catalog.outbox_size()

    job = await catalog.import_rows(
        "items", [item("demo-dry-1", "新名称"), item("demo-dry-2", "新事项")], dry_run=True
    )

    assert (job["inserted"], job["updated"], job["dry_run"]) == (1, 1, True)
    assert {(each["key"], each["outcome"]) for each in job["diff"]} == {
        ("demo-dry-1", "UPDATED"),
        ("demo-dry-2", "INSERTED"),
    }
    (changed,) = [each for each in job["diff"] if each["outcome"] == "UPDATED"]
    assert changed["changes"] == {"name": ["旧名称", "新名称"]}
    assert (await catalog.get("/v1/items/demo-dry-1")).json()["name"] == "旧名称"
    assert (await catalog.get("/v1/items/demo-dry-2")).status_code == 404
    assert await catalog.outbox_size() == told


@pytest.mark.feature("DEP4")
async def test_wrong_rows_are_named_in_both_languages_and_stop_no_other(catalog: Catalog):
    rows = [
        item("demo-err-1", "好的一行"),
        item("demo-err-2", "部门不对", "jx-none"),
        item("demo-err-3", "类型不对", item_type="77"),
        item("demo-err-1", "重复的一行"),
        item("demo-err-5", "编码不对", code_scheme="gbt39554"),
        {**item("demo-err-6", ""), "audiences": ["9"]},
    ]

    job = await catalog.import_rows("items", rows)

    assert (job["inserted"], job["failed"], job["done"]) == (1, 5, 6)
    assert [(each["row"], each["column"], each["code"]) for each in job["errors"]] == [
        (2, "department", "organisation_unknown"),
        (3, "item_type", "item_type_unknown"),
        (4, "code", "row_repeated"),
        (5, "code", "item_code_pattern"),
        (6, "name", "field_missing"),
        (6, "audiences", "field_choice"),
    ]
    assert job["errors"][0]["detail"] == {
        "zh-CN": "没有这个单位：jx-none",
        "en": "No such organisation: jx-none",
    }
    assert (await catalog.get("/v1/items/demo-err-1")).status_code == 200


@pytest.mark.feature("DEP4")
async def test_errors_are_a_file_whose_cells_no_spreadsheet_runs(catalog: Catalog):
    job = await catalog.import_rows("items", [item("demo-csv-1", "行", "=cmd|calc")])
    job_2 = await catalog.import_rows("items", [item("demo-csv-2", "行", "jx-none")])

    file = await catalog.get(job_2["errors_url"], PROVINCE)

    assert job["errors"][0]["code"] == "field_pattern"
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert file.content.startswith(codecs.BOM_UTF8)
    head, row = csv.reader(io.StringIO(file.content.decode("utf-8-sig"), newline=""))
    assert head == ["row", "column", "code", "zh-CN", "en"]
    assert row[:3] == ["1", "department", "organisation_unknown"]


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize("resource", LAYOUTS)
async def test_a_template_is_what_an_import_takes(catalog: Catalog, resource):
    template = await catalog.get(f"/v1/import-templates/{resource}", MINI_APP)

    assert template.status_code == 200
    header = template.content.decode("utf-8-sig").strip()
    assert header == (DATA / f"{resource.replace('-', '_')}.csv").read_text().splitlines()[0] or (
        resource == "organisations"
    )
    empty = await start(catalog, resource, template.content)
    assert empty.json()["errors"][0]["code"] == "import_empty"


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (items_csv(2, "demo-utf8").encode(), "text/csv"),
        (codecs.BOM_UTF8 + items_csv(2, "demo-bom").encode(), "text/csv; charset=utf-8"),
        (items_csv(2, "demo-gbx").encode("gb18030"), "text/csv"),
        (items_csv(2, "demo-gbk").encode("gb18030"), "text/csv; charset=GBK"),
        (json.dumps([item("demo-json-1", "事项")] * 1).encode(), "application/json"),
    ],
)
async def test_all_encodings_give_chinese_names(catalog: Catalog, body, media_type):
    job = await catalog.import_file("items", body, media_type=media_type)

    assert job["failed"] == 0
    assert job["inserted"] == job["total"]
    listed = (await catalog.get("/v1/items?q=批量事项1&limit=100")).json()["items"]
    assert all(each["name"].startswith("批量事项1") for each in listed)


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "import_empty"),
        (b"id,name\n1,2\n", "import_columns"),
        (b'id,"', "import_malformed"),
        (b"\xff\xff\xff", "import_charset"),
        (items_csv(1).replace("批量事项0", "批\0量").encode(), "import_malformed"),
    ],
)
async def test_a_file_that_is_no_table_is_refused_at_once(catalog: Catalog, body, code):
    answer = await start(catalog, "items", body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "import_file_wrong"
    assert answer.json()["errors"][0]["code"] == code


@pytest.mark.feature("DEP4")
@pytest.mark.parametrize(
    ("document", "code"),
    [({"id": "36"}, "import_not_array"), ([], "import_empty"), ([{"colour": 1}], "import_columns")],
)
async def test_json_of_another_form_is_refused_at_once(catalog: Catalog, document, code):
    answer = await catalog.send("POST", "/v1/imports/items", document)

    assert answer.json()["errors"][0]["code"] == code


async def test_a_json_row_that_is_no_record_is_a_wrong_row(catalog: Catalog):
    rows = json.dumps([item("demo-row-1", "行"), [1], "x", None]).encode()

    job = await catalog.import_file("items", rows, media_type="application/json")

    assert (job["inserted"], job["failed"]) == (1, 3)
    assert {each["code"] for each in job["errors"]} == {"row_cells"}


async def test_numbers_and_booleans_are_no_text(catalog: Catalog):
    job = await catalog.import_rows(
        "items", [{**item("demo-num-1", "行"), "name": True, "summary": 5, "level": 7}]
    )

    assert {(e["column"], e["code"]) for e in job["errors"]} == {
        ("name", "field_type"),
        ("summary", "field_type"),
        ("level", "field_choice"),
    }


async def test_a_classified_marker_in_a_cell_is_refused_before_it_is_stored(catalog: Catalog):
    body = items_csv(2).replace("批量导入的事项", "机密★10年").encode()

    answer = await start(catalog, "items", body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "classified_marker_refused"
    rows = await catalog.suite.sql("catalog", "select 1 from import_rows where cells like '%机密%'")
    assert rows == []


@pytest.mark.feature("DEP4")
async def test_parents_may_stand_below_their_children_across_parts(catalog: Catalog):
    children = [
        {
            "id": f"tree-{n}",
            "name": f"树单位{n}",
            "short_name": "树",
            "kind": "PROVINCIAL_DEPARTMENT",
            "region": "36",
            "parent": f"tree-{n + 1}" if n < CHUNK + 20 else "jx-zwfw",
        }
        for n in range(CHUNK + 21)
    ]

    dry = await catalog.import_rows("organisations", children, dry_run=True)
    job = await catalog.import_rows("organisations", children)

    assert (dry["failed"], dry["inserted"]) == (0, len(children))
    assert (job["failed"], job["inserted"]) == (0, len(children))
    assert len(dry["diff"]) == 50


async def test_a_circle_of_parents_is_refused_and_the_rest_comes_in(catalog: Catalog):
    base = {"short_name": "圈", "kind": "PROVINCIAL_DEPARTMENT", "region": "36"}
    rows = [
        {**base, "id": "circle-a", "name": "圈甲", "parent": "circle-b"},
        {**base, "id": "circle-b", "name": "圈乙", "parent": "circle-a"},
        {**base, "id": "circle-c", "name": "圈外", "parent": "jx-zwfw"},
    ]

    job = await catalog.import_rows("organisations", rows)

    assert (job["inserted"], job["failed"]) == (1, 2)


@pytest.mark.clause("A21.2")
async def test_persons_wait_encrypted_and_leave_no_trace_in_the_job(catalog: Catalog):
    body = (
        "organisation,domain,name,phone,valid_from,valid_to\n"
        "jx-rst,OPERATION,演示导入专人,19900000901,2025-08-04,\n"
        "jx-rst,OPERATION,演示导入专人,199****0902,2025-08-04,\n"
    ).encode()
    app = catalog.suite.apps["catalog"]
    database = app.state.database
    async with database.transaction(PROVINCE) as tx:
        job = await imports.start_import(
            tx,
            "responsible-persons",
            [
                {
                    "organisation": "jx-rst",
                    "domain": "OPERATION",
                    "name": "演示导入专人",
                    "phone": "19900000901",
                    "valid_from": "2025-08-04",
                }
            ],
            dry_run=True,
            keyring=app.state.keyring,
        )
        await tx.session.flush()
        raw = await tx.raw()
        waiting = await raw.fetch("select t::text as whole from import_rows t")
    await catalog.finished(f"/v1/import-jobs/{job.id}")

    done = await catalog.import_file("responsible-persons", body)
    again = await catalog.import_file("responsible-persons", body, dry_run=True)

    assert waiting
    assert all("1990000" not in row["whole"] for row in waiting)
    assert (done["inserted"], done["failed"]) == (1, 1)
    assert done["errors"][0]["code"] == "masked_value_refused"
    assert (again["unchanged"], again["diff"]) == (1, [])
    for table in ("imports", "import_rows", "import_flaws", "audit_pending", "audit_log", "outbox"):
        statement = f"select t::text as whole from {table} t"  # noqa: S608 one of the names above
        rows = await catalog.suite.sql("catalog", statement)
        assert all("19900000901" not in row["whole"] for row in rows)


async def test_the_audit_names_who_imported(catalog: Catalog):
    job = await catalog.import_rows("items", [item("demo-audit-1", "行")])
    await catalog.get("/v1/catalog/audit", PROVINCE)  # seals what waits

    rows = await catalog.suite.sql(
        "catalog",
        "select actor, action, organisation from audit_log where subject = any($1) order by number",
        [f"import:{job['id']}", "item:demo-audit-1"],
    )

    assert [row["action"] for row in rows] == [
        "import.started",
        "catalog.item_registered.v1",
        "import.finished",
    ]
    assert {row["organisation"] for row in rows} == {"jx-zwfw"}


async def test_what_cannot_be_imported_is_not_found(catalog: Catalog):
    assert (await start(catalog, "listings", b"a\n1\n")).json()["code"] == "import_resource_unknown"
    assert (await catalog.get("/v1/import-templates/kings")).status_code == 404
    assert (await catalog.get(f"/v1/import-jobs/{uuid4()}", PROVINCE)).json()["code"] == (
        "import_not_found"
    )
    assert (await catalog.get(f"/v1/import-jobs/{UUID(int=0)}/errors", PROVINCE)).status_code == 404


@pytest.mark.parametrize("actor", [OPERATOR, NANCHANG, MINI_APP])
async def test_imports_are_the_province_s(catalog: Catalog, actor):
    answer = await start(catalog, "items", items_csv(1).encode(), actor=actor)

    assert answer.status_code == 403


async def test_another_media_type_is_refused(catalog: Catalog):
    answer = await start(catalog, "items", b"<items/>", content_type="application/xml")

    assert answer.status_code == 415
