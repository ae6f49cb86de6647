-- The payment service: accounts and what was written in them, the duty of imports, and its bills.
-- Every key begins with the slot. Everything of a firm's money lies in the slot of its customs code, and so do
-- the accounts that it is moved from and to: a bank or the treasury has a row in every slot that needs one, and
-- their sums are made by reading. So a slot is a ledger of its own, and no row is touched by everybody.
-- The duty of a declaration lies in the slot of the declaration.

-- The lock of a slot, the number of its last entry, and when that was written.
create table ledger_head (
    slot smallint primary key,
    number bigint not null default 0 check (number >= 0),
    recorded_time timestamptz
);
insert into ledger_head (slot) select generate_series(0, 255);

-- How far the refund service was heard: a token of its watch. One row, from the first one that was heard.
create table refund_watch (
    slot smallint primary key check (slot = 0),
    token text not null
);

-- Owner × currency × purpose with four running totals, in the minor unit of the currency.
create table account (
    slot smallint not null,
    -- Customs code of a firm, or the name of a bank or treasury.
    owner text not null check (owner <> ''),
    -- Letters of ISO 4217.
    currency text not null check (length(currency) = 3),
    -- 1 guarantee, 2 duty payable, 3 duty paid, 4 forex receivable, 5 settlement, 6 fees, 7 suspense, 8 revenue,
    -- 9 reversal payable.
    purpose smallint not null check (purpose between 1 and 9),
    debits bigint not null check (debits >= 0),
    credits bigint not null check (credits >= 0),
    held_debits bigint not null check (held_debits >= 0),
    held_credits bigint not null check (held_credits >= 0),
    changed_time timestamptz not null,
    primary key (slot, owner, currency, purpose)
) with (fillfactor = 50);
create index account_owner on account (owner, currency, purpose);

-- How far a guarantee may go below zero, from a time on until the next line of the account begins.
create table credit_line (
    slot smallint not null,
    owner text not null,
    currency text not null,
    purpose smallint not null,
    from_time timestamptz not null,
    -- Of the entry that granted it: of two from the same time the later one counts.
    number bigint not null,
    amount bigint not null check (amount >= 0),
    primary key (slot, owner, currency, purpose, from_time, number)
);

-- Every step, never changed afterwards; only what is left of it to be given back becomes less.
create table entry (
    slot smallint not null,
    -- Dense, from 1, in the order of commit.
    number bigint not null,
    id uuid not null,
    -- The business event, such as duty.secured.
    event text not null,
    declaration_id uuid,
    bill_id uuid,
    actor text not null,
    -- The law or rule.
    rule text not null,
    -- When it counts, and when it was written.
    effective_time timestamptz not null,
    recorded_time timestamptz not null check (recorded_time >= effective_time),
    -- LedgerEntry: what it does, what it moved, and the totals that it left.
    body bytea compression lz4 not null,
    -- LedgerLegs: what is left of a transfer or post.
    rest bytea,
    primary key (slot, number)
);
create unique index entry_id on entry (slot, id);
create index entry_declaration on entry (declaration_id, slot, number) where declaration_id is not null;

-- What entries moved or held, a row a leg.
create table leg (
    slot smallint not null,
    number bigint not null,
    place smallint not null,
    -- Held only; otherwise moved.
    held boolean not null,
    from_owner text not null,
    from_purpose smallint not null,
    to_owner text not null,
    to_purpose smallint not null,
    currency text not null,
    amount bigint not null check (amount > 0),
    primary key (slot, number, place),
    check (from_owner <> to_owner or from_purpose <> to_purpose)
);
create index leg_from on leg (from_owner, slot, number);
create index leg_to on leg (to_owner, slot, number);

-- Amounts that are kept for something, in legs that end together.
create table hold (
    slot smallint not null,
    id uuid not null,
    declaration_id uuid,
    -- Of the first account that it keeps from.
    owner text not null,
    currency text not null,
    amount bigint not null check (amount > 0),
    -- 1 open, 2 posted, 3 voided, 4 expired.
    state smallint not null check (state between 1 and 4),
    until_time timestamptz,
    opened_time timestamptz not null,
    ended_time timestamptz,
    -- LedgerLegs.
    body bytea not null,
    primary key (slot, id),
    constraint hold_ends_once check ((state = 1) = (ended_time is null))
) with (fillfactor = 70);
-- The duty of a declaration is held once.
create unique index hold_of_declaration on hold (slot, declaration_id) where state = 1;
create index hold_owner on hold (owner, id);

-- An account begins with nothing: what comes into it comes by an update, which is checked.
create function refuse_account() returns trigger language plpgsql as $$
begin
    raise exception 'an account begins with nothing'
        using errcode = 'check_violation', constraint = 'account_begins_empty';
end $$;
create trigger account_begins_empty before insert on account for each row
    when (new.debits <> 0 or new.credits <> 0 or new.held_debits <> 0 or new.held_credits <> 0)
    execute function refuse_account();

-- What the ledger promises, seen from the rows: every currency sums to zero, what moved never becomes less, and
-- no guarantee is overdrawn by a step, counting what is held.
create function check_accounts() returns trigger language plpgsql as $$
begin
    if exists (
        select from new_rows n join old_rows o using (slot, owner, currency, purpose)
        group by n.slot, n.currency
        having sum(n.credits - n.debits) <> sum(o.credits - o.debits)
            or sum(n.held_credits - n.held_debits) <> sum(o.held_credits - o.held_debits)
    ) then
        raise exception 'a currency does not sum to zero'
            using errcode = 'check_violation', constraint = 'account_currency_sums_to_zero';
    end if;
    if exists (
        select from new_rows n join old_rows o using (slot, owner, currency, purpose)
        where n.debits < o.debits or n.credits < o.credits
    ) then
        raise exception 'what moved became less'
            using errcode = 'check_violation', constraint = 'account_totals_never_fall';
    end if;
    if exists (
        select from new_rows n join old_rows o using (slot, owner, currency, purpose)
        where n.purpose = 1
          and n.credits - n.debits - n.held_debits < o.credits - o.debits - o.held_debits
          and n.credits - n.debits - n.held_debits + coalesce(
                (select l.amount from credit_line l
                 where l.slot = n.slot and l.owner = n.owner and l.currency = n.currency
                   and l.purpose = n.purpose and l.from_time <= n.changed_time
                 order by l.from_time desc, l.number desc limit 1), 0) < 0
    ) then
        raise exception 'a guarantee would be overdrawn'
            using errcode = 'check_violation', constraint = 'account_guarantee_is_never_overdrawn';
    end if;
    return null;
end $$;
create trigger account_keeps_its_promises after update on account
    referencing old table as old_rows new table as new_rows
    for each statement execute function check_accounts();

-- The duty of an import, in the slot of its declaration.
create table duty (
    slot smallint not null,
    declaration_id uuid not null,
    version integer not null check (version > 0),
    -- 1 cannot be computed, 2 short of guarantee, 3 secured, 4 ended before its release, 5 billed, 6 over a limit of
    -- its buyer.
    state smallint not null check (state between 1 and 6),
    -- Who stands for it (assureCode), and the slot of that firm's money.
    payer text not null,
    payer_slot smallint not null,
    amount_fen bigint not null check (amount_fen >= 0),
    hold_id uuid,
    invt_no text not null,
    -- DutyCase.
    body bytea compression lz4 not null,
    filed_time timestamptz not null,
    changed_time timestamptz not null,
    -- When it was filed, as long as it is short. Of its own, since no other change of the state may touch an index.
    short_since timestamptz,
    primary key (slot, declaration_id),
    -- Secured is what is held, or nothing at all.
    constraint duty_secured_is_held check (state <> 3 or hold_id is not null or amount_fen = 0),
    constraint duty_short_is_found check ((state = 2) = (short_since is not null))
) with (fillfactor = 40);
-- In the order in which money that comes goes to them.
create index duty_short on duty (payer, short_since, declaration_id) where short_since is not null;
create index duty_payer on duty (payer, declaration_id);

-- How the duty of a version was computed, so that it explains itself later: DutyTrace.
create table duty_trace (
    slot smallint not null,
    declaration_id uuid not null,
    version integer not null,
    body bytea compression lz4 not null,
    made_time timestamptz not null,
    primary key (slot, declaration_id, version)
);

-- The bill of an import that was released (税单), in the slot of its payer.
create table bill (
    slot smallint not null,
    declaration_id uuid not null,
    payer text not null,
    tax_no text not null,
    invt_no text not null,
    -- 1 made out, 2 in a payment order, 3 void.
    status smallint not null check (status between 1 and 3),
    customs_tax_fen bigint not null check (customs_tax_fen >= 0),
    vat_fen bigint not null check (vat_fen >= 0),
    consumption_fen bigint not null check (consumption_fen >= 0),
    -- What was given back of them.
    returned_fen bigint not null default 0 check (returned_fen >= 0),
    released_time timestamptz not null,
    -- It is paid from this day until that one.
    due_from date not null,
    due_until date not null check (due_until >= due_from),
    -- From when on it is collected into a payment order, and the number of that.
    collect_time timestamptz not null,
    ent_duty_no text not null default '',
    changed_time timestamptz not null,
    -- DutyCase.
    body bytea compression lz4 not null,
    primary key (slot, declaration_id),
    constraint bill_gives_back_what_it_has
        check (returned_fen <= customs_tax_fen + vat_fen + consumption_fen),
    constraint bill_collected_has_its_order check ((status = 2) = (ent_duty_no <> ''))
) with (fillfactor = 70);
create index bill_payer on bill (payer, declaration_id);
create index bill_newest on bill (declaration_id);
create unique index bill_invt_no on bill (slot, invt_no);
create index bill_by_invt_no on bill (invt_no);
create index bill_to_collect on bill (slot, payer, collect_time) where status = 1;
create index bill_of_order on bill (slot, ent_duty_no) where ent_duty_no <> '';

-- What is collected of a firm's bills (缴款书), in the slot of its payer.
create table duty_order (
    slot smallint not null,
    ent_duty_no text not null,
    payer text not null,
    -- What its bills say, less what was given back of them.
    amount_fen bigint not null check (amount_fen >= 0),
    -- Of its first bill.
    declaration_id uuid not null,
    bills integer not null check (bills > 0),
    made_time timestamptz not null,
    due_until date not null,
    -- What the bank paid of it so far, and when that was all of it.
    paid_fen bigint not null default 0 check (paid_fen >= 0),
    paid_time timestamptz,
    -- Under which id the bank was told of it, and why it did not pay.
    bank_order uuid not null unique,
    reason text not null default '',
    primary key (slot, ent_duty_no)
) with (fillfactor = 70);
create index duty_order_newest on duty_order (declaration_id);

-- What a person bought in a calendar year in China, in the slot of the person.
create table person_year (
    slot smallint not null,
    -- Keyed hash of the identity number.
    person bytea not null check (length(person) = 32),
    year integer not null,
    used_fen bigint not null check (used_fen >= 0),
    -- Of the law on the day of the last purchase.
    limit_fen bigint not null,
    primary key (slot, person, year),
    constraint person_year_within_limit check (used_fen <= limit_fen)
) with (fillfactor = 70);

-- The purchase of a declaration in the year of its buyer, in the slot of the declaration.
create table person_purchase (
    slot smallint not null,
    declaration_id uuid not null,
    person bytea not null check (length(person) = 32),
    year integer not null,
    amount_fen bigint not null check (amount_fen >= 0),
    -- What was given back of it to the year.
    restored_fen bigint not null check (restored_fen >= 0),
    primary key (slot, declaration_id),
    constraint person_purchase_is_given_back_once check (restored_fen <= amount_fen)
) with (fillfactor = 70);
create index person_purchase_of_year on person_purchase (person, year);
