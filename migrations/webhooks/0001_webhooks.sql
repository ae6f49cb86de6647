-- The webhook service: where callers want what happens to be posted, and what became of every message.
-- Everything of a caller lies in the slot of its name.

-- Where what happens is followed, for all callers. One process does it at a time: whoever holds the lease.
create table follower (
    slot smallint primary key check (slot = 0),
    -- The process; nobody before the first.
    holder uuid,
    -- By the clock of the database.
    lease_until timestamptz not null,
    -- Up to where everything is taken down.
    resume_token text not null
);
insert into follower (slot, lease_until, resume_token) values (0, '-infinity', 'beginning');

create table webhook (
    slot smallint not null,
    id uuid not null,
    -- Name of the caller in the registry, which says what it sees.
    caller text not null,
    -- SHA-256 of what was asked.
    digest bytea not null check (length(digest) = 32),
    -- Encrypted: whoever knows some addresses may post there.
    url bytea not null,
    -- Empty is every type.
    types text[] not null,
    -- Customs codes; empty is every firm that the caller sees.
    declarants text[] not null,
    note text not null,
    created_time timestamptz not null,
    -- Since when nothing was taken.
    failing_since timestamptz,
    -- Nothing is posted since then, and why.
    paused_time timestamptz,
    paused_reason text not null default '',
    primary key (slot, id)
) with (fillfactor = 70);
create index webhook_caller on webhook (caller, id);

create table signing_key (
    slot smallint not null,
    webhook uuid not null,
    id uuid not null,
    -- Encrypted.
    secret bytea not null,
    created_time timestamptz not null,
    -- It does not sign after that.
    expire_time timestamptz,
    primary key (slot, webhook, id),
    foreign key (slot, webhook) references webhook on delete cascade
);

-- A message of a webhook. It stays when it is taken, for people to look at, as long as messages are kept.
create table delivery (
    slot smallint not null,
    webhook uuid not null,
    message uuid not null,
    type text not null,
    -- Encrypted.
    body bytea not null,
    created_time timestamptz not null,
    -- 1 waits, 2 delivered, 3 given up.
    state smallint not null default 1 check (state between 1 and 3),
    due_time timestamptz not null,
    tries integer not null default 0 check (tries >= 0),
    -- A process posts it until then; by the clock of the database.
    lease_until timestamptz,
    -- Of the last try.
    last_time timestamptz,
    status smallint not null default 0,
    reason text not null default '',
    milliseconds integer not null default 0,
    primary key (slot, webhook, message),
    foreign key (slot, webhook) references webhook on delete cascade
) with (fillfactor = 70);
create index delivery_due on delivery (webhook, due_time) where state = 1;
create index delivery_age on delivery (created_time);
