-- Expands: a key of a caller that only reads. Those that are there may do what their callers may.
alter table api_key add column read_only boolean not null default false;
