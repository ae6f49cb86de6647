-- expand: how long a declaration waited for documents that an agency asked its firm for (补充单证). The clock of
-- clearance stands meanwhile.
alter table consignment
    -- Since when it waits now; null when it does not.
    add column documents_since timestamptz,
    -- How long it waited before.
    add column documents_ms bigint not null default 0 check (documents_ms >= 0),
    -- Position of the newest event that said so: an older one that comes again changes nothing.
    add column documents_position bigint not null default 0;
