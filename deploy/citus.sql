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

-- Few rows, which belong to no slot: who is connected, on every node.
select create_reference_table('declaration.consumer');
select create_reference_table('payment.consumer');
select create_reference_table('ceb.consumer');
select create_reference_table('inspection.consumer');
select create_reference_table('refund.consumer');
select create_reference_table('webhooks.consumer');

-- Everything else. All are of one type of column, so equal slots of all tables are on one node.
-- declaration
select create_distributed_table('declaration.journal_head', 'slot');
select create_distributed_table('declaration.journal', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.declaration', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.unreleased', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.declared_order', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.outside_number', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.customs_number', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.release', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.joint_inspection', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.number_used', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.subscription', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.token_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.queue_item', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.content', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.inbox', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.request', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.data_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.api_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.document_request', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.attachment', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.attachment_upload', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.attachment_part', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('declaration.attachment_budget', 'slot', colocate_with => 'declaration.journal_head');
-- ceb
select create_distributed_table('ceb.journal_head', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.journal', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.log', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.document', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.number_used', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.token_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.queue_item', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.content', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.inbox', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.request', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.data_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.api_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('ceb.subscription', 'slot', colocate_with => 'declaration.journal_head');
-- inspection
select create_distributed_table('inspection.journal_head', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.journal', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.consignment', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.shipment', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.assessment', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.joint_order', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.booking', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.credit', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.credit_change', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.place', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.officer', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.rule_set', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.seed', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.token_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.queue_item', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.content', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.inbox', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.request', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.data_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.api_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.subscription', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('inspection.number_used', 'slot', colocate_with => 'declaration.journal_head');
-- payment
select create_distributed_table('payment.ledger_head', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.account', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.credit_line', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.entry', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.leg', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.hold', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.duty', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.duty_trace', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.bill', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.import_return', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.duty_order', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.person_year', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.person_purchase', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.token_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.export_sale', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.forex_receipt', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.receipt_match', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.forex_quote', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.settlement', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.bank_line', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.forex_firm', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.payments_declaration', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.journal_head', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.journal', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.subscription', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.queue_item', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.content', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.inbox', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.request', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.data_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.api_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.number_used', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.refund_watch', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('payment.announced_receipt', 'slot', colocate_with => 'declaration.journal_head');
-- refund
select create_distributed_table('refund.journal_head', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.journal', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.refund_firm', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.unreleased_export', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.export_line', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.export_return', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.sales_report', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.invoice', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.invoice_line', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.purchase', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.claim', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.claim_line', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.token_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.queue_item', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.content', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.inbox', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.request', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.data_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.api_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.subscription', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('refund.number_used', 'slot', colocate_with => 'declaration.journal_head');
-- webhooks
select create_distributed_table('webhooks.follower', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.webhook', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.signing_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.delivery', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.token_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.queue_item', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.content', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.inbox', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.request', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.data_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.api_key', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.journal_head', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.journal', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.subscription', 'slot', colocate_with => 'declaration.journal_head');
select create_distributed_table('webhooks.number_used', 'slot', colocate_with => 'declaration.journal_head');
