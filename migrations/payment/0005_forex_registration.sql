-- What SAFE knows of a firm's money is said by the operator and no more assumed. Expands: what was there is as it was.

-- Whether the payment institution that brings the firm's money is listed (支付机构名录). It was taken to be.
alter table forex_firm add column is_institution_listed boolean not null default true;

-- Receipts that SAFE registered (登记), each before it is settled where its firm is of class C.
create table forex_registration (
    slot smallint not null,
    receipt_id uuid not null,
    -- Of the registration.
    number text not null check (number <> ''),
    -- Who said so.
    actor text not null,
    registered_time timestamptz not null,
    primary key (slot, receipt_id)
);
