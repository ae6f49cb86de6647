-- Money from abroad, what it is for, its settlement, and what a bank is told.
-- A receipt lies in the slot of the firm whose account it came to, with that firm's money; an export in the slot of
-- its declaration. A match is about both, and lies with the receipt.

-- An export for which money comes, in the slot of its declaration.
create table export_sale (
    slot smallint not null,
    declaration_id uuid not null,
    version integer not null check (version > 0),
    -- Who declares, and who sells: either may receive the money.
    firm text not null,
    ebc_code text not null,
    order_no text not null,
    trade_mode text not null,
    -- Of arrival, as customs numbers countries: where whoever pays is, unless the bank says otherwise.
    country text not null,
    -- What was sold, in short.
    goods text not null,
    -- In customs' statistics.
    in_statistics boolean not null,
    currency text not null check (length(currency) = 3),
    amount bigint not null check (amount > 0),
    -- 1 filed, 2 released, 3 ended before its release.
    state smallint not null check (state between 1 and 3),
    -- What came for it, with what banks kept; how many receipts that was; what of it was settled or kept.
    received bigint not null default 0 check (received >= 0),
    receipts integer not null default 0 check (receipts >= 0),
    settled bigint not null default 0 check (settled >= 0),
    filed_time timestamptz not null,
    changed_time timestamptz not null,
    primary key (slot, declaration_id)
) with (fillfactor = 50);
create index export_sale_order on export_sale (order_no);
create index export_sale_firm on export_sale (firm, declaration_id);
create index export_sale_ebc on export_sale (ebc_code, declaration_id);

-- Money that came from abroad.
create table forex_receipt (
    slot smallint not null,
    id uuid not null,
    owner text not null check (owner <> ''),
    -- Identity of the bank's line.
    line text not null,
    currency text not null check (length(currency) = 3),
    -- What was sent, and what banks kept of it by their own word.
    amount bigint not null check (amount > 0),
    charges bigint not null check (charges >= 0 and charges < amount),
    booked date not null,
    reference text not null,
    -- 1 unmatched, 2 matched, 3 taken back by the bank, 4 taken back after it was spent: owed to the bank.
    state smallint not null check (state between 1 and 4),
    -- Why it is unmatched, in both languages; empty otherwise.
    why text not null,
    why_zh text not null,
    -- What was ordered to be settled, was settled, and stays in forex: of what is matched.
    ordered bigint not null default 0 check (ordered >= 0),
    settled bigint not null default 0 check (settled >= 0),
    kept bigint not null default 0 check (kept >= 0),
    -- What the firm owes the bank of what that took back.
    owed bigint not null default 0 check (owed >= 0),
    -- On which day it was taken back.
    back_on date,
    -- How often it was matched: each time has entries of its own.
    matchings integer not null default 0,
    -- In US cents, at the rate of its day.
    usd_cents bigint not null,
    changed_time timestamptz not null,
    -- ReceiptDetails, encrypted: who paid, and texts.
    body bytea not null,
    primary key (slot, id),
    unique (slot, line),
    constraint forex_receipt_spends_what_it_has check (ordered + settled + kept <= amount - charges),
    constraint forex_receipt_is_matched_before_it_is_spent check (state <> 1 or ordered + settled + kept = 0),
    constraint forex_receipt_is_back_on_a_day check ((state > 2) = (back_on is not null)),
    constraint forex_receipt_is_owed_when_spent check ((state = 4) = (owed > 0) and owed <= ordered + settled)
) with (fillfactor = 70);
create unique index forex_receipt_id on forex_receipt (id);
create index forex_receipt_owner on forex_receipt (owner, id);
create index forex_receipt_owed on forex_receipt (owner, reference) where state = 4;
create index forex_receipt_booked on forex_receipt (owner, booked);

-- Which receipt pays which exports, n to m.
create table receipt_match (
    slot smallint not null,
    receipt_id uuid not null,
    declaration_id uuid not null,
    -- What of the receipt is for it, and what is missing within the tolerance.
    amount bigint not null check (amount > 0),
    fee bigint not null check (fee >= 0),
    settled bigint not null default 0 check (settled >= 0),
    by_hand boolean not null,
    actor text not null,
    matched_time timestamptz not null,
    primary key (slot, receipt_id, declaration_id)
);
create index receipt_match_declaration on receipt_match (declaration_id);

-- Money that a payment firm announced for an export (收款单), in the slot of its declaration.
create table announced_receipt (
    slot smallint not null,
    declaration_id uuid not null,
    -- The payment firm's number of it, which texts of banks name; empty where it has none.
    pay_no text not null,
    pay_code text not null,
    currency text not null check (length(currency) = 3),
    amount bigint not null check (amount > 0),
    -- When it came to the payment firm.
    day date not null,
    announced_time timestamptz not null,
    primary key (slot, declaration_id, pay_no)
);
create index announced_receipt_pay_no on announced_receipt (pay_no) where pay_no <> '';

-- A rate that a bank binds itself to.
create table forex_quote (
    slot smallint not null,
    id uuid not null,
    receipt_id uuid not null,
    owner text not null,
    currency text not null,
    rate_e8 bigint not null check (rate_e8 > 0),
    source text not null,
    -- Which side is given: what is sold, or the yuan that are bought.
    fixes_bought boolean not null,
    sold bigint not null check (sold > 0),
    bought_fen bigint not null check (bought_fen > 0),
    as_of timestamptz not null,
    valid_until timestamptz not null check (valid_until > as_of),
    primary key (slot, id)
);

create unique index forex_quote_id on forex_quote (id);

-- An order to settle: a quote that was accepted, once.
create table settlement (
    slot smallint not null,
    -- Of its quote.
    id uuid not null,
    receipt_id uuid not null,
    owner text not null,
    currency text not null,
    sold bigint not null check (sold > 0),
    bought_fen bigint not null check (bought_fen > 0),
    -- 1 ordered, 2 the bank has it, 3 executed, 4 executed in part, 5 rejected.
    state smallint not null check (state between 1 and 5),
    -- More than was ordered only by what came late and was assigned by hand.
    executed_sold bigint not null default 0 check (executed_sold >= 0),
    executed_fen bigint not null default 0 check (executed_fen >= 0),
    fee_fen bigint not null default 0 check (fee_fen >= 0),
    -- What lies in suspense of both sides: it came after the end, or was more than the order says.
    late_sold bigint not null default 0 check (late_sold >= 0),
    late_fen bigint not null default 0 check (late_fen >= 0),
    reason text not null default '',
    ordered_time timestamptz not null,
    changed_time timestamptz not null,
    primary key (slot, id)
) with (fillfactor = 70);
create unique index settlement_id on settlement (id);
create index settlement_owner on settlement (owner, id);

-- Lines of statements that were taken, whatever they were: each has its effect once.
create table bank_line (
    slot smallint not null,
    line text not null,
    taken_time timestamptz not null,
    primary key (slot, line)
);

-- How SAFE supervises a firm; one without a row is of class A and not registered.
create table forex_firm (
    slot smallint not null,
    owner text not null,
    -- 1 A, 2 B, 3 C.
    class smallint not null check (class between 1 and 3),
    is_listed boolean not null,
    -- 1 bank on documents, 2 bank on transaction information, 3 payment institution.
    channel smallint not null check (channel between 1 and 3),
    changed_time timestamptz not null,
    primary key (slot, owner)
);

-- What was declared to the balance of payments (国际收支申报): the newest of a receipt counts.
create table payments_declaration (
    slot smallint not null,
    receipt_id uuid not null,
    number integer not null check (number > 0),
    owner text not null,
    code text not null,
    note text not null,
    country text not null,
    basic_until date not null,
    declared_until date not null,
    needs_report boolean not null,
    -- The money went back: declared under the original code.
    is_refund boolean not null,
    actor text not null,
    declared_time timestamptz not null,
    primary key (slot, receipt_id, number)
);

-- In the journal (migrations/kit) are the messages to banks; an entry's facts are encoded trade.v1.Facts.
