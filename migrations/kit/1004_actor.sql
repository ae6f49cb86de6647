-- Expands: who acted in the name of a caller, `enterprise-a / 李明`: the caller, and the name that a person gave at the
-- console or that a key or certificate has. Empty where nobody did, and for what was before.
alter table request add column actor text not null default '';
alter table journal add column actor text not null default '';
