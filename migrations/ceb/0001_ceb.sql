-- The national door: documents that came as CEB messages, and the receipts that were written for them.
-- Every key begins with the slot. A document lives in the slot of its order number, or of its own key
-- where it has none, so that what is matched with each other lies together; a receipt lives in the slot
-- of the exchange number that reads it.

-- The journal (migrations/kit) has what left the window, the receipts of all exchange numbers of a slot. An
-- entry's subject is made of the order number of the document, or of its key where it names no order; its
-- owner is the dxpId whose receipt it is, its version the type of the message (0 for a copy of data), its
-- round the returnStatus, its body the message.
-- What was said about an order.
create index journal_subject on journal (slot, owner, subject, position);

-- The messages of each exchange number, counted by itself from 1: that is the position which its holder is
-- told. Where they stand in the journal of the slot would tell how much its neighbours get.
create table log (
    slot smallint not null,
    owner text not null,
    number bigint not null,
    position bigint not null,
    primary key (slot, owner, number)
);
create unique index log_position on log (slot, position);

-- One row a document, by its business key (specification 202205, see domain::documents::kind).
create table document (
    slot smallint not null,
    -- Number of its message type, for example 621.
    kind smallint not null,
    key text not null,
    id uuid not null,
    guid text not null,
    app_time text not null,
    draft boolean not null,
    deleted boolean not null,
    -- Last returnStatus that counts.
    status integer not null,
    -- What was said with it (returnInfo).
    info text not null,
    -- Who sent it and who gets copies of receipts (dxpId).
    dxp_id text not null,
    subscribers text[] not null,
    -- By these, others find it. Empty where it has none.
    order_no text not null,
    logistics_code text not null,
    logistics_no text not null,
    agent_code text not null,
    ebc_code text not null,
    cop_no text not null,
    bill_no text not null,
    pre_no text not null,
    invt_no text not null,
    -- Inventories: what the declaration service knows it as.
    declaration_id uuid,
    -- Inventories: it was released by the declaration service.
    released_time timestamptz,
    -- Export inventories: the summary (汇总申请单) that took it up.
    sum_no text not null default '',
    -- Cancellations: the key of the inventory that they cancel.
    cancels text not null default '',
    signed boolean not null,
    digest bytea not null,
    -- The document, JSON.
    body bytea compression lz4 not null,
    received_time timestamptz not null,
    changed_time timestamptz not null,
    -- returnTime of its last receipt: the next one is later.
    told_time timestamptz not null,
    -- Inventories: 500 to 599 that is told once customs has given its number; 0 nothing.
    held_back integer not null default 0,
    primary key (slot, kind, key)
) with (fillfactor = 60);
-- By names that never or once change: what changes with every receipt is in no index, so that those
-- updates stay in their page.
create index document_key on document (kind, key);
create index document_order on document (order_no) where order_no <> '';
create index document_cancels on document (cancels) where cancels <> '';
create index document_logistics on document (logistics_no, logistics_code) where logistics_no <> '';
create index document_pre on document (pre_no) where pre_no <> '';
create index document_invt on document (invt_no) where invt_no <> '';
create index document_bill on document (bill_no) where bill_no <> '';
create index document_own on document (agent_code, cop_no) where cop_no <> '' and kind in (603, 621);
create index document_cop on document (cop_no) where cop_no <> '';
create index document_guid on document (upper(guid));
create index document_declaration on document (declaration_id) where declaration_id is not null;
create index document_released on document (ebc_code, released_time)
    where released_time is not null and kind = 603;
create index document_id on document (id);
create index document_sender on document (dxp_id, id);
