-- What banks told, by booking and no more by the file that tells it: a notice and the statement of its day are one.
-- Expands: bank_line is read no more, and falls with a contraction.

-- A movement that a bank booked on an account of a firm, by whichever files it told of it: it has its effect once.
create table bank_booking (
    slot smallint not null,
    -- Account, day, direction, amount, currency, and R where it takes something back.
    booking text not null,
    -- Among those of which all that is equal, from 1.
    number integer not null check (number > 0),
    account text not null,
    day date not null,
    -- Of the bank (AcctSvcrRef); empty while no file says it.
    reference text not null,
    -- The first notice and the first statement that told it, with the place among its equal entries; empty while
    -- none did.
    notice text not null,
    statement text not null,
    -- What it moved in the ledger, on the accounts of the firm in the currency of the account; below zero went out.
    moved bigint not null,
    taken_time timestamptz not null,
    primary key (slot, booking, number)
) with (fillfactor = 80);
create index bank_booking_account on bank_booking (slot, account, day);

-- Lines of before, whose number of the statement stands between day and amount.
insert into bank_booking (slot, booking, number, account, day, reference, notice, statement, moved, taken_time)
select slot, part[1] || '/' || part[2] || '/' || part[3],
       row_number() over (partition by slot, part[1], part[2], part[3] order by line),
       part[1], part[2]::date, '', '', '', 0, taken_time
from (select slot, line, taken_time,
             regexp_match(line, '^(.*)/(\d{4}-\d\d-\d\d)/.*/([+-]\d+[A-Z]{3})/\d+$') part
      from bank_line) of_before
where part is not null;

-- What a statement says that is on an account at its end, and what the ledger has (对账).
create table bank_statement (
    slot smallint not null,
    -- Rises with time: lists are read by it.
    id uuid not null,
    owner text not null,
    account text not null,
    -- Of its closing balance.
    day date not null,
    number text not null,
    opening bigint not null,
    closing bigint not null,
    -- What was on the account before the ledger knew of it.
    base bigint not null,
    -- What there should be: by the ledger, or for yuan by the statement before and the entries of this one.
    expected bigint not null,
    taken_time timestamptz not null,
    primary key (slot, account, day, number)
);
create index bank_statement_newest on bank_statement (id);

-- What a bank took back before it told that it came: it waits for that.
create table early_reversal (
    slot smallint not null,
    -- Identity of its booking.
    line text not null,
    owner text not null,
    currency text not null check (length(currency) = 3),
    amount bigint not null check (amount > 0),
    day date not null,
    reference text not null,
    taken_time timestamptz not null,
    -- ReceiptDetails, encrypted: what it names.
    body bytea not null,
    primary key (slot, line)
);
create index early_reversal_owner on early_reversal (slot, owner, currency, amount);

-- From when on what is held for an order to settle is free again, and when it was freed so: then its state is 5.
alter table settlement add column until_time timestamptz;
alter table settlement add column expired_time timestamptz;
