-- expand: the bytes of attachments (随附单证), which declarations name by their digest. They lie in the slot of
-- the declarant for whom they are kept.

-- An attachment that is whole. Each digest once a declarant: two firms that have the same document have it twice, so
-- that nobody can find out by sending one whether another has it.
create table attachment (
    slot smallint not null,
    declarant_code text not null,
    sha256 bytea not null check (length(sha256) = 32),
    -- Its parts.
    upload_id uuid not null,
    size_bytes integer not null check (size_bytes > 0),
    media_type text not null,
    stored_time timestamptz not null,
    primary key (slot, declarant_code, sha256)
);

-- An attachment that is coming, or that never came whole: what is too old goes, with its parts.
create table attachment_upload (
    slot smallint not null,
    id uuid not null,
    started_time timestamptz not null,
    primary key (slot, id)
);

-- Bytes of an attachment, encrypted for their row.
create table attachment_part (
    slot smallint not null,
    upload_id uuid not null,
    -- From 1.
    number integer not null,
    body bytea not null,
    primary key (slot, upload_id, number)
);
-- What is encrypted cannot be compressed.
alter table attachment_part alter column body set storage external;

-- Bytes that were kept for a declarant on a day in China: those that firms sent, and those that agencies and sites
-- did.
create table attachment_budget (
    slot smallint not null,
    declarant_code text not null,
    -- 1 the firm or its agent, 2 an agency or a site.
    side smallint not null check (side between 1 and 2),
    day date not null,
    bytes bigint not null check (bytes > 0),
    primary key (slot, declarant_code, side, day)
);
