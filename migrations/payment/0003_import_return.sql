-- Goods of imports that may come back (进口退货), by application (CEB625), in the slot of the payer of their bill.
create table import_return (
    slot smallint not null,
    -- guid of the application.
    guid text not null,
    -- Rises with time: lists are read by it.
    id uuid not null,
    declaration_id uuid not null,
    -- Who owes the tax, and who declared.
    payer text not null,
    agent_code text not null,
    -- The site that waits for them; empty where the inventory names none.
    loct_no text not null,
    -- 1 awaited, 2 back, 3 lapsed, 4 back too late.
    state smallint not null check (state between 1 and 4),
    -- Last day on which they count as back.
    back_until date not null,
    -- What was given back of the tax for them.
    returned_fen bigint not null default 0 check (returned_fen >= 0),
    allowed_time timestamptz not null,
    changed_time timestamptz not null,
    order_no text not null,
    -- ReturnedGoods: what was applied for, and what the site counted.
    body bytea compression lz4 not null,
    primary key (slot, guid)
) with (fillfactor = 70);
create index import_return_newest on import_return (id);
create index import_return_of on import_return (declaration_id);
create index import_return_awaited on import_return (slot, declaration_id) where state = 1;
create index import_return_missing on import_return (id) where state in (1, 3);
