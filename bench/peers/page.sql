select epoch, array(
    select doc from unnest('{ids}'::uuid[]) with ordinality as wanted(id, place)
    join catalog.listings using (id) order by place
) as docs from catalog.search_epoch;
