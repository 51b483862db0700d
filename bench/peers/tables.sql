create schema bench;
create table bench.written (id uuid primary key, body text not null);
create table bench.told (
    number bigint generated always as identity primary key,
    id uuid not null,
    body text not null
);
create table bench.effects (
    number bigint generated always as identity primary key,
    event_id uuid not null,
    subject text not null,
    rung text not null
);
grant usage on schema bench to catalog_app;
grant select, insert on bench.effects to catalog_app;
