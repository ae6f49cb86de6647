-- Distributes a window's tables over the nodes of Citus by slot (数据槽), which is in the key of nearly everything and in
-- every statement that writes. Run once as the owner, after `single-window migrate`, before there is much in them:
--     psql --set ON_ERROR_STOP=1 --single-transaction --file deploy/citus.sql postgres://…
-- A transaction of the window locks the heads of its slots, then writes only rows of these slots.
--
-- NOT run on Citus: Debian has no package of it. What plain PostgreSQL can tell is tested on every table
-- (tests/journeys/scaling.rs runs this file with stand-ins for its two functions): every table is here, has the column,
-- and has it in every unique key; a window works on with the changes of the first part. To be tried before use:
-- the triggers of payment.account, which have transition tables
-- (citus.enable_unsafe_triggers), locks of several heads in one statement, and look-ups without a slot, which ask
-- every node.

-- Ids that are made of what they name, or drawn: their key has the slot, so the second key goes. It becomes an index.
alter table payment.duty_order drop constraint duty_order_bank_order_key;
create index duty_order_bank_order on payment.duty_order (bank_order);
drop index payment.forex_receipt_id;
create index forex_receipt_id on payment.forex_receipt (id);
drop index payment.forex_quote_id;
create index forex_quote_id on payment.forex_quote (id);
drop index payment.settlement_id;
create index settlement_id on payment.settlement (id);

-- Every table of every service: whoever has a journal is one. Few rows, which belong to no slot, are on every node: who
-- is connected. Everything else lies by its slot. All are of one type of column, so equal slots of all tables are on one
-- node.
select create_distributed_table('declaration.journal_head', 'slot');
do $$
declare
    found record;
begin
    for found in
        select c.oid::regclass as name, c.relname
        from pg_class c
        join pg_class head on head.relnamespace = c.relnamespace and head.relname = 'journal_head'
        where c.relkind = 'r' and c.relname <> '_sqlx_migrations'
          and c.oid <> 'declaration.journal_head'::regclass
        order by 1
    loop
        if found.relname = 'consumer' then
            perform create_reference_table(found.name);
        else
            perform create_distributed_table(found.name, 'slot', colocate_with => 'declaration.journal_head');
        end if;
    end loop;
end $$;
