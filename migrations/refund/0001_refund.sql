-- The refund service: export lines with their proofs, invoices, and claims with their lines.
-- Every key begins with the slot, and everything of a firm lies in the slot of its customs code: the lock of
-- that slot (`journal_head`) makes exact what is used of an invoice line and of an export line.

-- In the journal (migrations/kit) an entry's subject is made of the name of what it is about, its owner is the
-- code of the firm, its facts are RefundFacts.
create index journal_subject on journal (slot, subject, position);

-- How a firm gets its refunds. A firm without a row is a trading firm of class 2.
create table refund_firm (
    slot smallint not null,
    firm text not null check (firm <> ''),
    -- 1 trading firm, 2 producer.
    method smallint not null check (method in (1, 2)),
    class smallint not null check (class between 1 and 4),
    exempt_without_invoice boolean not null,
    -- Whose parity it takes: 1 of the day of export, 2 of the first of its month.
    parity smallint not null default 1 check (parity in (1, 2)),
    waived_from date,
    changed_time timestamptz not null,
    primary key (slot, firm)
);

-- An export that is not released yet.
create table unreleased_export (
    slot smallint not null,
    declaration_id uuid not null,
    firm text not null,
    version integer not null,
    order_no text not null,
    -- As with lines.
    mode smallint not null check (mode between 1 and 4),
    money smallint not null check (money between 1 and 3),
    departed date,
    entry_id text not null,
    payment_by date,
    -- UnreleasedLines.
    lines bytea not null,
    primary key (slot, declaration_id)
);
create index unreleased_export_declaration on unreleased_export (declaration_id);

-- A line of an export that was released.
create table export_line (
    slot smallint not null,
    declaration_id uuid not null,
    line integer not null check (line > 0),
    firm text not null,
    version integer not null,
    order_no text not null,
    -- 1 summarised, 2 for statistics only, 3 with a form of its own, 4 overseas warehouse.
    mode smallint not null check (mode between 1 and 4),
    gcode text not null,
    gname text not null,
    unit text not null,
    qty_e5 bigint not null check (qty_e5 > 0),
    currency text not null,
    amount_e5 bigint not null check (amount_e5 >= 0),
    released_time timestamptz not null,
    departed date,
    entry_id text not null default '',
    -- 1 awaited, 2 received, 3 settled.
    money smallint not null default 1 check (money between 1 and 3),
    payment_by date,
    -- For so much there are invoices; so much is in claims, or came back.
    bought_e5 bigint not null default 0,
    claimed_e5 bigint not null default 0 check (claimed_e5 >= 0),
    returned_e5 bigint not null default 0 check (returned_e5 >= 0),
    -- Of an overseas warehouse: what was sold; its advance refund was settled or recovered, or has to be until then.
    sold_e5 bigint not null default 0 check (sold_e5 between 0 and qty_e5),
    settled boolean not null default false,
    settle_by date,
    -- RefundStanding when it was last looked at, and where it stands in the list.
    standing smallint not null check (standing between 1 and 5),
    urgency text collate "C" not null,
    -- The next day that matters, and until when the firm was reminded of such days.
    due date,
    reminded date,
    primary key (slot, declaration_id, line),
    constraint export_line_is_bought_once check (bought_e5 between 0 and qty_e5),
    constraint export_line_is_claimed_once check (claimed_e5 <= qty_e5)
) with (fillfactor = 70);
-- Every export has a first line, which says where the others are.
create index export_line_declaration on export_line (declaration_id) where line = 1;
create index export_line_urgency on export_line (firm, urgency);
create index export_line_unbought on export_line (slot, firm, gcode, unit, declaration_id, line)
    where bought_e5 < qty_e5;
create index export_line_due on export_line (due) where due is not null;

-- Goods of an export that come back, by the application for it (213).
create table export_return (
    slot smallint not null,
    declaration_id uuid not null,
    line integer not null,
    -- coElNo.
    number text not null,
    qty_e5 bigint not null check (qty_e5 > 0),
    allowed date not null,
    -- Counted at the site (215).
    counted date,
    primary key (slot, declaration_id, line, number)
);

-- What a warehouse overseas sold of a line (9810), each report once.
create table sales_report (
    slot smallint not null,
    declaration_id uuid not null,
    line integer not null,
    number text not null check (number <> ''),
    qty_e5 bigint not null check (qty_e5 > 0),
    -- FOB in the currency of the export.
    amount_e5 bigint not null check (amount_e5 >= 0),
    reported_time timestamptz not null,
    primary key (slot, declaration_id, line, number)
);

-- A special VAT invoice.
create table invoice (
    slot smallint not null,
    firm text not null,
    code text not null,
    number text not null,
    seller text not null,
    issued date not null,
    note text not null,
    -- 1 pending, 2 genuine, 3 unknown, 4 differs, 5 void, 6 red-lettered.
    status smallint not null check (status between 1 and 6),
    net_fen bigint not null,
    tax_fen bigint not null,
    registered_time timestamptz not null,
    primary key (slot, code, number)
) with (fillfactor = 70);
create index invoice_firm on invoice (firm, code, number);

create table invoice_line (
    slot smallint not null,
    code text not null,
    number text not null,
    line integer not null check (line > 0),
    firm text not null,
    gcode text not null,
    unit text not null,
    qty_e5 bigint not null check (qty_e5 > 0),
    net_fen bigint not null check (net_fen > 0),
    levy_bp integer not null check (levy_bp between 0 and 10000),
    tax_fen bigint not null,
    issued date not null,
    genuine boolean not null default false,
    -- What belongs to exports.
    used_e5 bigint not null default 0,
    used_fen bigint not null default 0,
    primary key (slot, code, number, line),
    constraint invoice_line_is_used_once check (used_e5 between 0 and qty_e5),
    constraint invoice_line_is_worth_once check (used_fen between 0 and net_fen)
) with (fillfactor = 70);
create index invoice_line_free on invoice_line (slot, firm, gcode, unit, issued, code, number, line)
    where genuine and used_e5 < qty_e5;

-- A quantity of an export line that a quantity of an invoice line bought.
create table purchase (
    slot smallint not null,
    declaration_id uuid not null,
    export_line integer not null,
    code text not null,
    number text not null,
    line integer not null,
    qty_e5 bigint not null check (qty_e5 > 0),
    net_fen bigint not null check (net_fen >= 0),
    -- What was used of the invoice line before: how the net amount came about.
    before_e5 bigint not null,
    before_fen bigint not null,
    primary key (slot, declaration_id, export_line, code, number, line)
);
create index purchase_invoice on purchase (slot, code, number);

-- A claim: what left until the end of a month.
create table claim (
    slot smallint not null,
    firm text not null,
    -- YYYYMM.
    month integer not null,
    batch integer not null check (batch > 0),
    -- 1 trading firm, 2 producer.
    method smallint not null check (method in (1, 2)),
    -- 1 draft, 2 submitted, 3 form refused, 4 under review, 5 withdrawn.
    state smallint not null check (state between 1 and 5),
    round integer not null check (round >= 0),
    complete boolean not null,
    -- The last export line that was looked at for it.
    after_id uuid not null,
    after_line integer not null,
    lines integer not null check (lines >= 0),
    undecided integer not null check (undecided >= 0),
    queried integer not null check (queried >= 0),
    -- Lines of which nothing has to follow.
    ended integer not null check (ended >= 0),
    amount_fen bigint not null,
    approved_fen bigint not null check (approved_fen >= 0),
    paid_fen bigint not null,
    repaid_fen bigint not null check (repaid_fen >= 0),
    -- Lines whose goods came back and whose refund did not.
    goods_back integer not null default 0 check (goods_back >= 0),
    -- Of a producer: VAT of the month at home, what the month before left, what its lines are together, and what
    -- comes of it.
    output_vat_fen bigint not null check (output_vat_fen >= 0),
    input_vat_fen bigint not null check (input_vat_fen >= 0),
    brought_credit_fen bigint not null check (brought_credit_fen >= 0),
    brought_short_fen bigint not null check (brought_short_fen >= 0),
    non_creditable_fen bigint not null,
    cap_fen bigint not null,
    exempt_credit_fen bigint not null check (exempt_credit_fen >= 0),
    carry_credit_fen bigint not null check (carry_credit_fen >= 0),
    carry_short_fen bigint not null check (carry_short_fen >= 0),
    refund_fen bigint not null check (refund_fen >= 0),
    -- All its exports are in it, and the refund is shared out over lines with so much of the cap.
    counted boolean not null,
    shared_cap_fen bigint not null,
    note text not null,
    reason text not null default '',
    made_time timestamptz not null,
    changed_time timestamptz not null,
    primary key (slot, firm, month, batch),
    constraint claim_is_paid_what_it_asks check (paid_fen between 0 and amount_fen),
    constraint claim_pays_back_what_it_has check (repaid_fen <= paid_fen)
) with (fillfactor = 50);
create index claim_firm on claim (firm, month, batch);

create table claim_line (
    slot smallint not null,
    firm text not null,
    month integer not null,
    batch integer not null,
    line integer not null check (line > 0),
    declaration_id uuid not null,
    export_line integer not null,
    entry_id text not null,
    -- Empty for a producer.
    code text not null,
    number text not null,
    invoice_line integer not null,
    qty_e5 bigint not null check (qty_e5 > 0),
    net_fen bigint not null,
    amount_fen bigint not null check (amount_fen >= 0),
    -- What it adds to the cap of a producer.
    cap_fen bigint not null check (cap_fen >= 0),
    advance boolean not null,
    -- By which version of which rule, at which rates.
    rule text not null,
    rule_version integer not null,
    refund_bp integer not null,
    levy_bp integer not null,
    -- 1 open, 2 queried, 3 dropped, 4 refused, 5 approved, 6 paid, 7 settled, 8 recovering, 9 recovered.
    state smallint not null check (state between 1 and 9),
    -- 1 doubt, 2 suspension, 3 letter; 0 for none.
    query smallint not null default 0 check (query between 0 and 3),
    query_sent date,
    answered boolean not null default false,
    queries integer not null default 0,
    law text not null default '',
    ground text not null default '',
    text text not null default '',
    -- 1 correct, 2 exempt, 3 as a sale at home; 0 for none.
    consequence smallint not null default 0 check (consequence between 0 and 3),
    -- Approved, paid, settled or recovering.
    fen bigint not null default 0 check (fen >= 0),
    keeps_fen bigint not null default 0,
    payment bigint,
    paid_fen bigint not null default 0,
    repaid_fen bigint not null default 0,
    negative bigint,
    negatives bigint[] not null default '{}',
    -- When it was paid, and what of an advance refund was reversed when it was settled.
    paid_day date,
    reversed_e5 bigint not null default 0 check (reversed_e5 between 0 and qty_e5),
    -- Its goods came back.
    goods_back boolean not null default false,
    primary key (slot, firm, month, batch, line),
    constraint claim_line_is_paid_what_it_asks check (paid_fen between 0 and amount_fen),
    constraint claim_line_pays_back_what_it_has check (repaid_fen between 0 and paid_fen),
    constraint claim_line_is_paid_by_something check ((payment is null) = (state < 6))
) with (fillfactor = 70);
create index claim_line_payment on claim_line (slot, firm, month, batch, payment) where payment is not null;
create index claim_line_export on claim_line (slot, declaration_id);
-- What an export line was bought by is in one claim only, until it is dropped, refused to be corrected, or given back.
create unique index claim_line_uses_once on claim_line (slot, declaration_id, export_line, code, number, invoice_line)
    where state not in (3, 9) and not (state = 4 and consequence = 1) and reversed_e5 = 0;
