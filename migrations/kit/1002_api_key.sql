-- Keys of callers (API keys), for programs that cannot present a certificate. Every schema has the table; a
-- window keeps its keys in that of its first service, whichever of them runs where.
create table api_key (
    slot smallint not null check (slot = 0),
    id uuid not null,
    -- SHA-256 of the key, which has 256 random bits: nobody gets it back from here.
    digest bytea not null check (length(digest) = 32),
    -- Whose: a name in the registry, and the role that it had when the key was made.
    caller text not null,
    role text not null,
    note text not null,
    created_time timestamptz not null,
    expire_time timestamptz not null,
    revoked_time timestamptz,
    -- Kept now and then, not with every call.
    last_used_time timestamptz,
    primary key (slot, id),
    unique (slot, digest)
);
