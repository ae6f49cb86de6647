-- What every service stands on, in the schema of each. These migrations are numbered from 1001, those of
-- the services from 1, and what those stand on is 0000.

-- What the loops of a service have to do: messages to other services, time-outs, and events that could
-- not be taken when they came. A row is there until it is done.
create table queue_item (
    slot smallint not null,
    id uuid not null,
    -- Which queue; each has one loop.
    queue text not null,
    -- What kind of item, for the queue's own use.
    kind smallint not null default 0,
    -- Items about the same subject are done one at a time, in the order of their places and ids.
    subject uuid not null,
    place bigint not null,
    body bytea compression lz4 not null,
    -- It is due.
    due_time timestamptz not null,
    -- Tries that failed by its own fault, and why the last one did.
    tries integer not null default 0 check (tries >= 0),
    reason text not null default '',
    -- Set aside for people since then. What is about the same subject and stands behind it waits.
    stuck_time timestamptz,
    primary key (slot, id, queue)
) with (fillfactor = 80);
create index queue_item_due on queue_item (queue, due_time, id) where stuck_time is null;
create index queue_item_subject on queue_item (queue, subject, place, id);
create index queue_item_stuck on queue_item (queue, id) where stuck_time is not null;

-- Contents: what a version of something says, whole. Apart from the journal, whose entries name it by subject
-- and version, so that the journal can be cut by age and what is known of a person erased. Here it is an
-- encoded trade.v1.Declaration, of the declaration service; the others keep none.
create table content (
    slot smallint not null,
    subject uuid not null,
    version integer not null check (version >= 1),
    body bytea not null,
    primary key (slot, subject, version)
);
-- It is compressed and encrypted before it comes here.
alter table content alter column body set storage external;

-- Up to where the journal of another service was taken that comes over the exchange, by its slots.
create table inbox (
    slot smallint primary key,
    position bigint not null default 0
) with (fillfactor = 50);
insert into inbox (slot) select generate_series(0, 255);

-- A request that changed something: once for each id of whoever made it up.
create table request (
    slot smallint not null,
    request_id uuid not null,
    -- Whose ids they are.
    caller text not null,
    -- SHA-256 of what was asked.
    digest bytea not null check (length(digest) = 32),
    -- What is needed to answer it again.
    outcome bytea not null,
    recorded_time timestamptz not null,
    primary key (slot, request_id, caller)
);

-- Names of the data keys that ever encrypted something here. A process that has not all of them does not
-- start: it could not read what is there.
create table data_key (
    slot smallint not null check (slot = 0),
    -- The first four bytes of the key's SHA-256.
    name bigint not null check (name between 0 and 4294967295),
    primary key (slot, name)
);
