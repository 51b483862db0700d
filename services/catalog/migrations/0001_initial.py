"""The first schema of catalog: the register, listings with their versions, notices, imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from shared.migrations import toolbox

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

_DEPARTMENT = "department = current_setting('app.organisation', true)"


def upgrade() -> None:
    op.execute("set local lock_timeout = '1s'")
    _create_work()
    _create_listings()
    _create_records()
    _create_register()
    _create_assets()
    _create_assurances()
    op.execute("insert into catalog.search_epoch (one, epoch) values (true, 0)")
    toolbox.create_v1("catalog")
    toolbox.protect("catalog", "responsible_persons")
    toolbox.protect("catalog", "plan_lines")
    toolbox.protect("catalog", "coverage_exemptions")
    toolbox.protect("catalog", "partners")
    toolbox.protect("catalog", "assets")
    toolbox.protect("catalog", "listing_filings", named=_DEPARTMENT)


def _create_work() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("inserted", sa.Integer(), nullable=False),
        sa.Column("updated", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("diff", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("actor", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        schema="catalog",
    )
    op.create_index(
        "ix_imports_open",
        "imports",
        ["created_at"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("state in ('PENDING','RUNNING')"),
    )


def _create_listings() -> None:
    op.create_table(
        "listing_filings",
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("filing_type", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("goes_live_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("filing_id", name=op.f("pk_listing_filings")),
        schema="catalog",
    )
    op.create_index(
        "ix_listing_filings_listing_id",
        "listing_filings",
        ["listing_id"],
        unique=False,
        schema="catalog",
    )
    op.create_index(
        "ix_listing_filings_state",
        "listing_filings",
        ["state", "filing_id"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "listings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("item_type", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("hall_id", sa.Text(), nullable=True),
        sa.Column("zone_id", sa.Text(), nullable=True),
        sa.Column("audiences", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("title_text", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=True),
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("goes_live_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_version", sa.Integer(), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delisted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("off_by", sa.Text(), nullable=True),
        sa.Column("norm_version", sa.Text(), nullable=True),
        sa.Column("recheck_norm", sa.Text(), nullable=True),
        sa.Column("recheck_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("doc", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.UniqueConstraint("number", name=op.f("uq_listings_number")),
        schema="catalog",
    )
    op.create_index("ix_listings_epoch", "listings", ["epoch"], unique=False, schema="catalog")
    op.create_index(
        "ix_listings_goes_live_at", "listings", ["goes_live_at"], unique=False, schema="catalog"
    )
    op.create_index("ix_listings_hall_id", "listings", ["hall_id"], unique=False, schema="catalog")
    op.create_index(
        "ix_listings_norm_version",
        "listings",
        ["norm_version", "id"],
        unique=False,
        schema="catalog",
    )
    op.create_index(
        "ix_listings_recheck_norm",
        "listings",
        ["recheck_norm", "id"],
        unique=False,
        schema="catalog",
    )
    op.create_index(
        "ix_listings_zone_id", "listings", ["zone_id", "state"], unique=False, schema="catalog"
    )
    op.create_index(
        "ix_listings_item_code", "listings", ["item_code"], unique=False, schema="catalog"
    )
    op.create_index(
        "ix_listings_organisation_id",
        "listings",
        ["organisation_id", "state"],
        unique=False,
        schema="catalog",
    )
    op.create_index(
        "ix_listings_terms",
        "listings",
        ["terms"],
        unique=False,
        schema="catalog",
        postgresql_using="gin",
    )


def _create_records() -> None:
    op.create_table(
        "nightly_runs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("name", "day", name=op.f("pk_nightly_runs")),
        schema="catalog",
    )
    op.create_table(
        "norms",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("checklist", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_norms")),
        schema="catalog",
    )
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("alternative_channel", sa.Text(), nullable=True),
        sa.Column("listing_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("regions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("publisher", sa.Text(), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawal_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        schema="catalog",
    )
    op.create_index(
        "ix_notices_published_at", "notices", ["published_at", "id"], unique=False, schema="catalog"
    )
    op.create_index(
        "ix_notices_next_due_at", "notices", ["next_due_at"], unique=False, schema="catalog"
    )
    op.create_table(
        "plan_lines",
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("organisation_id", "item_code", name=op.f("pk_plan_lines")),
        schema="catalog",
    )
    op.create_index(
        "ix_plan_lines_year",
        "plan_lines",
        ["organisation_id", "year"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "regions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("gb2260", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["catalog.regions.id"], name=op.f("fk_regions_parent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regions")),
        sa.UniqueConstraint("gb2260", name=op.f("uq_regions_gb2260")),
        schema="catalog",
    )
    op.create_table(
        "search_epoch",
        sa.Column("one", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_search_epoch")),
        schema="catalog",
    )
    op.create_table(
        "import_flaws",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("column", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["catalog.imports.id"], name=op.f("fk_import_flaws_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "number", "place", name=op.f("pk_import_flaws")),
        schema="catalog",
    )
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["catalog.imports.id"], name=op.f("fk_import_rows_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "position", name=op.f("pk_import_rows")),
        schema="catalog",
    )
    op.create_index(
        "ix_import_rows_import_id_key",
        "import_rows",
        ["import_id", "key"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "listing_appearances",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("seen_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("cause_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("item_type", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("audiences", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("channels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("title_text", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("doc", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["catalog.listings.id"], name=op.f("fk_listing_appearances_listing_id")
        ),
        sa.PrimaryKeyConstraint("listing_id", "epoch", name=op.f("pk_listing_appearances")),
        schema="catalog",
    )
    op.create_index(
        "ix_listing_appearances_number_seen_from",
        "listing_appearances",
        ["number", "seen_from"],
        unique=False,
        schema="catalog",
        postgresql_include=[
            "seen_to",
            "state",
            "region",
            "organisation_id",
            "item_type",
            "item_code",
            "kind",
            "listing_id",
            "epoch",
        ],
    )
    for name, columns in (
        ("seen_from_epoch", ["seen_from", "epoch"]),
        ("organisation_id", ["organisation_id", "number"]),
        ("item_code", ["item_code", "number"]),
    ):
        op.create_index(
            f"ix_listing_appearances_{name}",
            "listing_appearances",
            columns,
            unique=False,
            schema="catalog",
        )
    op.create_index(
        "ix_listing_appearances_terms",
        "listing_appearances",
        ["terms"],
        unique=False,
        schema="catalog",
        postgresql_using="gin",
    )
    op.create_table(
        "listing_versions",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["catalog.listings.id"], name=op.f("fk_listing_versions_listing_id")
        ),
        sa.PrimaryKeyConstraint("listing_id", "version", name=op.f("pk_listing_versions")),
        schema="catalog",
    )
    op.create_table(
        "notice_wordings",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("alternative_channel", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("edited_by", sa.Text(), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["catalog.notices.id"], name=op.f("fk_notice_wordings_notice_id")
        ),
        sa.PrimaryKeyConstraint("notice_id", "version", name=op.f("pk_notice_wordings")),
        schema="catalog",
    )


def _create_register() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("mandate_from", sa.Date(), nullable=True),
        sa.Column("mandate_to", sa.Date(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent"], ["catalog.organisations.id"], name=op.f("fk_organisations_parent")
        ),
        sa.ForeignKeyConstraint(
            ["region"], ["catalog.regions.id"], name=op.f("fk_organisations_region")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisations")),
        schema="catalog",
    )
    op.create_index(
        "ix_organisations_region", "organisations", ["region", "id"], unique=False, schema="catalog"
    )
    op.create_table(
        "halls",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("retained_until", sa.Date(), nullable=True),
        sa.Column("retention_filing_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["catalog.halls.id"], name=op.f("fk_halls_merged_into")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["catalog.organisations.id"], name=op.f("fk_halls_organisation_id")
        ),
        sa.ForeignKeyConstraint(["parent"], ["catalog.halls.id"], name=op.f("fk_halls_parent")),
        sa.ForeignKeyConstraint(["region"], ["catalog.regions.id"], name=op.f("fk_halls_region")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_halls")),
        schema="catalog",
    )
    op.create_index("ix_halls_parent", "halls", ["parent"], unique=False, schema="catalog")
    op.create_index(
        "ix_halls_retained_until", "halls", ["retained_until"], unique=False, schema="catalog"
    )
    op.create_table(
        "hall_retentions",
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.Column("hall_id", sa.Text(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["hall_id"], ["catalog.halls.id"], name=op.f("fk_hall_retentions_hall_id")
        ),
        sa.PrimaryKeyConstraint("filing_id", name=op.f("pk_hall_retentions")),
        schema="catalog",
    )
    op.create_index(
        "ix_hall_retentions_hall_id",
        "hall_retentions",
        ["hall_id", "until"],
        unique=False,
        schema="catalog",
    )
    op.create_table(
        "channels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("independent", sa.Boolean(), nullable=False),
        sa.Column("in_service_since", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("exception_filing_id", sa.Uuid(), nullable=True),
        sa.Column("exception_until", sa.Date(), nullable=True),
        sa.Column("plan_into", sa.Text(), nullable=True),
        sa.Column("plan_steps", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("plan_starts_on", sa.Date(), nullable=True),
        sa.Column("plan_due_on", sa.Date(), nullable=True),
        sa.Column("overdue", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("next_due_on", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["catalog.organisations.id"],
            name=op.f("fk_channels_organisation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["plan_into"], ["catalog.halls.id"], name=op.f("fk_channels_plan_into")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channels")),
        schema="catalog",
    )
    op.create_index(
        "uq_channels_organisation_id_kind_name_key",
        "channels",
        ["organisation_id", "kind", "name_key"],
        unique=True,
        schema="catalog",
    )
    op.create_index(
        "ix_channels_region", "channels", ["region", "id"], unique=False, schema="catalog"
    )
    op.create_index(
        "ix_channels_state", "channels", ["state", "id"], unique=False, schema="catalog"
    )
    op.create_index(
        "ix_channels_next_due_on", "channels", ["next_due_on"], unique=False, schema="catalog"
    )
    op.create_table(
        "items",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("code_scheme", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("item_type", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("audiences", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("initiation", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("keywords", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department"], ["catalog.organisations.id"], name=op.f("fk_items_department")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_items")),
        schema="catalog",
    )
    op.create_index(
        "ix_items_department", "items", ["department", "code"], unique=False, schema="catalog"
    )
    op.create_table(
        "responsible_persons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("name_sealed", sa.Text(), nullable=False),
        sa.Column("phone_sealed", sa.Text(), nullable=False),
        sa.Column("phone_index", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["catalog.organisations.id"],
            name=op.f("fk_responsible_persons_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_responsible_persons")),
        schema="catalog",
    )
    op.create_index(
        "uq_responsible_persons_organisation_id_domain_post_phone_index",
        "responsible_persons",
        ["organisation_id", "domain", "post", "phone_index"],
        unique=True,
        schema="catalog",
    )
    op.create_table(
        "zones",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hall_id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("operated_by", sa.Text(), nullable=True),
        sa.Column("pages", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department"], ["catalog.organisations.id"], name=op.f("fk_zones_department")
        ),
        sa.ForeignKeyConstraint(["hall_id"], ["catalog.halls.id"], name=op.f("fk_zones_hall_id")),
        sa.ForeignKeyConstraint(
            ["operated_by"], ["catalog.organisations.id"], name=op.f("fk_zones_operated_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zones")),
        schema="catalog",
    )
    op.create_index("ix_zones_hall_id", "zones", ["hall_id"], unique=False, schema="catalog")
    op.create_table(
        "partners",
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("supervising_organisation", sa.Text(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("filing_id", sa.Uuid(), nullable=False),
        sa.Column("partner_person_id", sa.Uuid(), nullable=True),
        sa.Column("operator_person_id", sa.Uuid(), nullable=True),
        sa.Column("forced_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_person_id"],
            ["catalog.responsible_persons.id"],
            name=op.f("fk_partners_operator_person_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["catalog.organisations.id"],
            name=op.f("fk_partners_organisation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_person_id"],
            ["catalog.responsible_persons.id"],
            name=op.f("fk_partners_partner_person_id"),
        ),
        sa.PrimaryKeyConstraint("organisation_id", name=op.f("pk_partners")),
        schema="catalog",
    )
    op.create_table(
        "coverage_exemptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("item_code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_code"], ["catalog.items.code"], name=op.f("fk_coverage_exemptions_item_code")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["catalog.organisations.id"],
            name=op.f("fk_coverage_exemptions_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coverage_exemptions")),
        schema="catalog",
    )
    op.create_index(
        "uq_coverage_exemptions_organisation_id_item_code",
        "coverage_exemptions",
        ["organisation_id", "item_code"],
        unique=True,
        schema="catalog",
    )


def _create_assets() -> None:
    op.create_table(
        "assets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("system_key", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("contract_number", sa.Text(), nullable=False),
        sa.Column("in_service_from", sa.Date(), nullable=False),
        sa.Column("in_service_until", sa.Date(), nullable=True),
        sa.Column("listing_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("zone_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["catalog.organisations.id"],
            name=op.f("fk_assets_organisation_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets")),
        schema="catalog",
    )
    op.create_index(
        "uq_assets_organisation_id_contract_number_system_key",
        "assets",
        ["organisation_id", "contract_number", "system_key"],
        unique=True,
        schema="catalog",
    )
    for name in ("organisation_id", "region"):
        op.create_index(f"ix_assets_{name}", "assets", [name, "id"], unique=False, schema="catalog")
    for name in ("listing_ids", "zone_ids"):
        op.create_index(
            f"ix_assets_{name}",
            "assets",
            [name],
            unique=False,
            schema="catalog",
            postgresql_using="gin",
        )


def _create_assurances() -> None:
    op.create_table(
        "listing_assurances",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("availability_target", sa.Text(), nullable=False),
        sa.Column("response_milliseconds", sa.Integer(), nullable=False),
        sa.Column("mlps_level", sa.Integer(), nullable=True),
        sa.Column("critical_infrastructure", sa.Boolean(), nullable=False),
        sa.Column("operations_office", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["catalog.listings.id"], name=op.f("fk_listing_assurances_listing_id")
        ),
        sa.ForeignKeyConstraint(
            ["operations_office"],
            ["catalog.organisations.id"],
            name=op.f("fk_listing_assurances_operations_office"),
        ),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_listing_assurances")),
        schema="catalog",
    )
    op.create_index(
        "ix_listing_assurances_mlps_level",
        "listing_assurances",
        ["mlps_level", "listing_id"],
        unique=False,
        schema="catalog",
    )
    op.create_index(
        "ix_listing_assurances_critical",
        "listing_assurances",
        ["listing_id"],
        unique=False,
        schema="catalog",
        postgresql_where=sa.text("critical_infrastructure"),
    )


def downgrade() -> None:
    op.drop_table("listing_assurances", schema="catalog")
    op.drop_table("assets", schema="catalog")
    op.drop_table("coverage_exemptions", schema="catalog")
    op.drop_table("partners", schema="catalog")
    op.drop_table("zones", schema="catalog")
    op.drop_table("responsible_persons", schema="catalog")
    op.drop_table("items", schema="catalog")
    op.drop_table("channels", schema="catalog")
    op.drop_table("hall_retentions", schema="catalog")
    op.drop_table("halls", schema="catalog")
    op.drop_table("organisations", schema="catalog")
    op.drop_table("notice_wordings", schema="catalog")
    op.drop_table("listing_versions", schema="catalog")
    op.drop_table("listing_appearances", schema="catalog")
    op.drop_table("import_rows", schema="catalog")
    op.drop_table("import_flaws", schema="catalog")
    op.drop_table("search_epoch", schema="catalog")
    op.drop_table("regions", schema="catalog")
    op.drop_table("plan_lines", schema="catalog")
    op.drop_table("notices", schema="catalog")
    op.drop_table("norms", schema="catalog")
    op.drop_table("nightly_runs", schema="catalog")
    op.drop_table("listings", schema="catalog")
    op.drop_table("listing_filings", schema="catalog")
    op.drop_table("imports", schema="catalog")
    toolbox.drop_all("catalog")
