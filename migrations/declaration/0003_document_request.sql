-- expand: documents that agencies ask firms for (补充单证). Nothing writes the table before an agency asks.

-- The newest request of an agency about a declaration. It is open as long as the agency stands at 9.
create table document_request (
    slot smallint not null,
    declaration_id uuid not null,
    -- 1 customs, 2 quarantine.
    agency smallint not null check (agency between 1 and 2),
    -- That of the verdict that asked.
    request_id uuid not null,
    -- Encoded trade.v1.DocumentRequest.
    asked bytea not null,
    primary key (slot, declaration_id, agency)
);
