-- The declaration service. Every key begins with the slot (a hash of the declarant's customs code),
-- so that the tables can be distributed by it; a transaction touches rows of its own slots only.

-- In the journal (migrations/kit) an entry's subject is the declaration, its owner the customs code of the
-- declarant, its facts encoded trade.v1.Facts. What was declared is in `content`, so that entries of what
-- ended long ago can go.

-- One row a declaration. Narrow, because every verdict rewrites it; no column that changes on the
-- way to release is indexed and most of each page is left free, so that those updates stay in it.
create table declaration (
    slot smallint not null,
    id uuid not null,
    declarant_code text not null,
    ebc_code text not null,
    order_no text not null,
    cop_no text not null,
    -- Number of the way-bill of the current version; empty where there is none.
    logistics_no text not null,
    -- Of its bill of lading; empty where there is none.
    bill_no text not null default '',
    direction smallint not null,
    trade_mode text not null,
    customs_code text not null,
    pre_no text not null,
    invt_no text,
    filed_time timestamptz not null,
    -- It came by the national door, which is told what happens to it.
    national boolean not null default false,
    -- False once a later declaration took over the business key of one that ended without release.
    current boolean not null default true,
    version integer not null,
    round integer not null,
    phase smallint not null,
    -- Where each participant stands, a digit for each: customs, quarantine, risk rules, duty. 0 is not waited
    -- for, 8 cleared, 9 waits for documents that it asked for. It changes with every verdict, and so it is not indexed.
    stands text not null,
    joint smallint not null,
    -- Positions of all journal entries about it that are not archived, oldest first.
    positions bigint[] not null,
    -- When its entries and contents up to then were archived.
    archived_time timestamptz,
    -- Answers of subscribers that had an effect on it, 33 bytes each: the subscriber, its request id, the
    -- first half of the answer's SHA-256. One under an id that is there has no second effect.
    answers bytea not null default '',
    primary key (slot, id),
    constraint declaration_answers_are_whole check (length(answers) % 33 = 0),
    constraint declaration_phase_is_legal check (phase between 1 and 6),
    constraint declaration_stands_are_legal check (translate(stands, '0123456789', '') = ''),
    constraint declaration_joint_is_legal check (joint between 0 and 3),
    -- An open order and the state "inspecting" are the same thing.
    constraint declaration_inspecting_means_open check ((phase = 2) = (joint = 1)),
    -- Released means that everybody who is waited for has cleared.
    constraint declaration_released_means_cleared check (phase <> 3 or translate(stands, '08', '') = '')
) with (fillfactor = 40);

-- Those that are not released, by where they stand: lists of them read no others. An index on the phase would
-- make the update that releases leave its page.
create table unreleased (
    slot smallint not null,
    phase smallint not null,
    declaration_id uuid not null,
    primary key (slot, phase, declaration_id),
    constraint unreleased_phase_is_legal check (phase in (1, 2, 4, 5, 6))
);

-- An own number is unique for ever within a declarant, except that a declaration that was rejected,
-- withdrawn or sent back gives way. Declarants who share a slot know nothing of each other's. The number
-- comes before the firm, so that whoever has only the number finds it too.
create unique index declaration_own_key on declaration (slot, cop_no, declarant_code)
    where current and cop_no <> '';

-- An order of a seller is declared once, whoever declares it: which declaration has it. One that ended
-- without release gives way. The slot is that of the order's number, not of a declarant.
create table declared_order (
    slot smallint not null,
    order_no text not null,
    ebc_code text not null,
    declaration_id uuid not null,
    primary key (slot, order_no, ebc_code)
);

-- The other numbers that people look a declaration up by. Numbers of the firm's are looked at in each slot that
-- the caller may see; preNo, invtNo and releases say their slot.
create index declaration_order on declaration (slot, order_no);
create index declaration_own_before on declaration (slot, cop_no) where not current and cop_no <> '';
create index declaration_pre_no on declaration (slot, pre_no);

-- Numbers that others gave and that say no slot: 1 the way-bill and 2 the bill of lading of the current version,
-- 3 the preNo of the national door. The slot is that of the number. Each may be that of many: the newest come
-- first.
create table outside_number (
    slot smallint not null,
    number text not null,
    kind smallint not null,
    declaration_id uuid not null,
    declarant_code text not null,
    primary key (slot, number, kind, declaration_id),
    constraint outside_number_kind_is_legal check (kind between 1 and 3)
);

-- invtNo by its number: it is given on the way to release, so that an index on the declaration would
-- make every such update leave its page.
create table customs_number (
    slot smallint not null,
    invt_no text not null,
    declaration_id uuid not null,
    primary key (slot, invt_no)
);

-- One release: the key says so.
create table release (
    slot smallint not null,
    declaration_id uuid not null,
    release_id uuid not null,
    version integer not null,
    released_time timestamptz not null,
    primary key (slot, declaration_id)
);
create unique index release_by_id on release (slot, release_id);

-- One inspection: the key says so. The order belongs to the goods and survives a new version.
create table joint_inspection (
    slot smallint not null,
    declaration_id uuid not null,
    order_id uuid not null,
    -- 1 open, 2 done, 3 cancelled.
    state smallint not null,
    opened_time timestamptz not null,
    closed_time timestamptz,
    -- Encoded findings, once done.
    findings bytea,
    primary key (slot, declaration_id),
    constraint joint_inspection_state_is_legal check (state between 1 and 3),
    -- A done order may be reopened on objection; its findings stay until there are new ones.
    constraint joint_inspection_done_has_findings check (state <> 2 or findings is not null)
);
