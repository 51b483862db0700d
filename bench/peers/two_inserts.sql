begin;
insert into bench.written (id, body) values (gen_random_uuid(), repeat('a', 300));
insert into bench.told (id, body) values (gen_random_uuid(), repeat('b', 300));
commit;
