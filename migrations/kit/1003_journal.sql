-- The journal of a service, its numbers, and who reads it over the exchange. A service that tells nobody
-- anything leaves its journal empty; indexes beside the keys are made by the service that reads by them.

-- The newest position of each slot. Its row is the slot's lock: whoever appends to a slot holds it
-- until commit, which makes positions dense and in commit order.
create table journal_head (
    slot smallint primary key,
    position bigint not null default 0
);
insert into journal_head (slot) select generate_series(0, 255);

-- What happened, in order.
create table journal (
    slot smallint not null,
    position bigint not null,
    event_id uuid not null,
    -- What it is about.
    subject uuid not null,
    -- Whose it is: everybody is shown only what is theirs.
    owner text not null,
    -- Of what it is about, after the entry. What each is, the service says.
    version integer not null,
    round integer not null,
    phase smallint not null,
    -- Of interest to whom.
    topics integer not null,
    recorded_time timestamptz not null,
    trace text not null,
    -- An encoded message of the service.
    facts bytea not null,
    -- It shows the content of the version (`content`): that is new, or has to be seen again.
    shows_content boolean not null default false,
    -- Of entries that show something of their own.
    body bytea compression lz4,
    primary key (slot, position)
);

-- Numbers that were given, by kind and period.
create table number_used (
    slot smallint not null,
    kind text not null,
    period integer not null,
    used bigint not null,
    primary key (slot, kind, period)
);

-- Who serves which slot for a subscriber of the exchange, until when, and how far it has stored the journal.
create table subscription (
    slot smallint not null,
    agency smallint not null,
    position bigint not null default 0,
    consumer text not null default '',
    epoch bigint not null default 0,
    expires_time timestamptz not null default '-infinity',
    primary key (slot, agency)
);

-- Live consumers of a subscriber; the slots are shared evenly among those that are not stalled.
create table consumer (
    agency smallint not null,
    name text not null,
    epoch bigint not null,
    expires_time timestamptz not null,
    -- It has events to acknowledge, and acknowledged none for too long.
    stalled boolean not null default false,
    primary key (agency, name)
);

-- What the tokens that callers keep are encrypted with. One row, made at the first start.
create table token_key (
    slot smallint primary key check (slot = 0),
    key bytea not null check (length(key) = 32)
);
