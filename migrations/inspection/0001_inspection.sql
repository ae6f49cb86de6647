-- The inspection service: what the declaration service told, what the rules said, and the joint orders.
-- Every key begins with the slot. What belongs to a declaration lives in its slot, which is that of its
-- declarant, so the credit of a declarant lies beside its declarations. Reference data (places, officers,
-- rule sets, seeds) and bookings live in slot 0.

-- In the journal (migrations/kit) an entry's subject is the declaration, its owner the code of the declarant,
-- its round the examination, its phase the stage after the entry, its body the order after it.
create index journal_subject on journal (subject, position);

-- One row a declaration, for statistics.
create table consignment (
    slot smallint not null,
    declaration_id uuid not null,
    declarant_code text not null,
    port_code text not null,
    trade_mode text not null,
    -- Credit class of the declarant when it was filed: 1 advanced, 2 general, 3 untrusted.
    class smallint not null check (class between 1 and 3),
    version integer not null,
    -- Headings (four digits) of its goods, which count as shipped when it is released.
    headings text[] not null,
    filed_time timestamptz not null,
    -- 0 open, 1 released, 2 rejected, 3 returned, 4 withdrawn.
    ended smallint not null default 0 check (ended between 0 and 4),
    ended_time timestamptz,
    primary key (slot, declaration_id),
    check ((ended = 0) = (ended_time is null))
-- Its end is written once: room in the page for it, so that no index is touched.
) with (fillfactor = 50);
-- Rows come nearly in the order of their times.
create index consignment_filed on consignment using brin (filed_time);

-- Shipments of a declarant under a heading (four digits), for the rules about first ones.
create table shipment (
    slot smallint not null,
    declarant_code text not null,
    heading text not null,
    count bigint not null,
    primary key (slot, declarant_code, heading)
) with (fillfactor = 50);

-- What the rules said about a version of a declaration. Only where a rule set was in force.
create table assessment (
    slot smallint not null,
    declaration_id uuid not null,
    version integer not null,
    customs_rules integer not null,
    quarantine_rules integer not null,
    customs_selected boolean not null,
    quarantine_selected boolean not null,
    made_time timestamptz not null,
    -- Code of the refusal, when the declaration service did not take the demand.
    refused text not null default '',
    -- The explanation; empty where no rule matched.
    body bytea compression lz4 not null,
    primary key (slot, declaration_id, version)
);

-- The one joint order of a declaration.
create table joint_order (
    slot smallint not null,
    declaration_id uuid not null,
    order_id uuid not null,
    declarant_code text not null,
    port_code text not null,
    trade_mode text not null,
    order_no text not null,
    stage smallint not null check (stage between 1 and 11),
    version integer not null check (version > 0),
    examination integer not null check (examination between 1 and 2),
    -- Both agencies gave instructions.
    joint boolean not null,
    -- Every instruction was answered once.
    completed boolean not null,
    customs_undecided boolean not null,
    quarantine_undecided boolean not null,
    place text not null,
    -- As it was called when the appointment was made.
    place_name text not null,
    place_name_zh text not null,
    window_start timestamptz,
    window_end timestamptz,
    claimed_by text not null,
    objection_pending boolean not null,
    -- Version and round of the declaration that wait for findings.
    asked_version integer not null,
    asked_round integer not null,
    -- Firms of the declaration, for conflicts of interest.
    firms text[] not null,
    -- The order, OrderState.
    state bytea compression lz4 not null,
    -- Its goods, as they were shown with the order.
    goods bytea compression lz4 not null,
    ordered_time timestamptz not null,
    changed_time timestamptz not null,
    -- What the release of the declaration waits for: 1 findings, 2 customs, 4 quarantine, 8 risk rules,
    -- 16 duty.
    waits_for smallint not null default 0 check (waits_for >= 0),
    primary key (slot, declaration_id),
    -- Who has a window has a place, and the other way round.
    check ((place = '') = (window_start is null) and (place = '') = (window_end is null)),
    -- From the presentation on there was an appointment and a site.
    check (stage not between 2 and 10 or place <> '')
) with (fillfactor = 70);
create index joint_order_newest on joint_order (declaration_id);
create index joint_order_open on joint_order (declaration_id) where stage < 10;
create index joint_order_declarant on joint_order (declarant_code, declaration_id);

-- Orders in a window of a place.
create table booking (
    slot smallint not null check (slot = 0),
    place text not null,
    window_start timestamptz not null,
    orders integer not null,
    primary key (slot, place, window_start)
) with (fillfactor = 50);

-- Credit of a firm, in the slot of its code.
create table credit (
    slot smallint not null,
    firm text not null,
    class smallint not null check (class between 1 and 3),
    blacklisted boolean not null,
    appealed boolean not null,
    -- CreditRecord.
    state bytea compression lz4 not null,
    changed_time timestamptz not null,
    primary key (slot, firm)
) with (fillfactor = 70);
create index credit_firm on credit (firm);
create index credit_blacklisted on credit (firm) where blacklisted;
create index credit_appealed on credit (firm) where appealed;

create table credit_change (
    slot smallint not null,
    firm text not null,
    number bigint not null,
    changed_time timestamptz not null,
    what text not null,
    text text not null,
    text_zh text not null,
    primary key (slot, firm, number)
);

create table place (
    slot smallint not null check (slot = 0),
    id text not null,
    body bytea not null,
    primary key (slot, id)
);

create table officer (
    slot smallint not null check (slot = 0),
    id text not null,
    agency smallint not null check (agency between 1 and 2),
    body bytea not null,
    last_firm text not null default '',
    primary key (slot, id)
);

create table rule_set (
    slot smallint not null check (slot = 0),
    agency smallint not null check (agency between 1 and 2),
    version integer not null check (version > 0),
    document text not null,
    put_time timestamptz not null,
    put_by text not null,
    primary key (slot, agency, version)
);

-- Secret until its day is over.
create table seed (
    slot smallint not null check (slot = 0),
    day date not null,
    bytes bytea not null check (length(bytes) = 32),
    primary key (slot, day)
);
