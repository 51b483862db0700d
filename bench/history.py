"""A past for the listings that are there: how each of them looked in earlier months (C4)."""

PAST = """
insert into catalog.listing_appearances (listing_id, epoch, number, seen_from, seen_to, cause,
    cause_id, state, version, item_code, organisation_id, region, item_type, kind, audiences,
    channels, title_text, search_text, terms, doc)
select id, number + back * 1000000, number, now() - make_interval(days => 30 * back + 1),
    case when back > 0 then now() - make_interval(days => 30 * back - 29) end,
    'FILING', filing_id::text, state, 1, item_code, organisation_id, region, item_type, kind,
    audiences, channels, title_text, search_text, terms,
    replace(doc, '"version":1,', '"version":' || back || ',')
from catalog.listings, generate_series($1::int, 0, -1) as back where number is not null
"""
"""As many earlier appearances of each listing as $1 says, a month each, and the present one."""
