-- Whether the risk rules of the agencies were asked about the current version: 0 this window does not
-- ask, 1 not yet, 2 they were. Nothing is released before. It changes with nearly every declaration,
-- and so it is not indexed.
alter table declaration
    add column targeting smallint not null default 0,
    add constraint declaration_targeting_is_legal check (targeting between 0 and 2),
    add constraint declaration_released_means_targeted check (phase <> 3 or targeting <> 1);

-- A done order may be reopened on objection; its findings stay until there are new ones.
alter table joint_inspection
    drop constraint joint_inspection_done_has_findings,
    add constraint joint_inspection_done_has_findings check (state <> 2 or findings is not null);
