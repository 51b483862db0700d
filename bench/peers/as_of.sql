select number, doc from catalog.listing_appearances
where seen_from <= '{at}+00' and (seen_to is null or seen_to > '{at}+00') and number is not null
order by number limit 51;
