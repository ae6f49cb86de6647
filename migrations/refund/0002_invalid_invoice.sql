-- expand: invoices that become void, or are red-lettered, when something of them was claimed already (失效发票). A
-- window of the version before leaves these columns at what they are.
-- The invoice of the line is not good any more, which was heard when it was with the tax office already.
alter table claim_line add column invoice_invalid boolean not null default false;
-- Lines of such invoices whose refund is not back.
alter table claim add column invoice_invalid integer not null default 0 check (invoice_invalid >= 0);
