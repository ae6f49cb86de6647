//! Reading: the log of receipts of an exchange number, and where documents stand.

use domain::Slot;
use domain::documents::DocumentKind;
use sqlx::PgPool;
use store::cipher::Cipher;
use store::journal::decrypt_body;
use store::page::Page;
use store::tail::Tail;
use store::{Fault, ServiceError, column};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::document_keys::DocumentKeys;
use crate::document_rows::{kind_column, whole_documents};
use crate::document_set::DocumentSet;
use crate::stored_document::StoredDocument;
use crate::{Ceb, matching, receipt};

/// A message in the log of an exchange number.
#[derive(Debug)]
pub(crate) struct LogEntry {
    pub(crate) position: u64,
    pub(crate) message_type: u32,
    pub(crate) about: receipt::DocumentRef,
    pub(crate) body: Vec<u8>,
    pub(crate) time: OffsetDateTime,
}

/// Which messages of a log are asked for.
#[derive(Debug, Default)]
pub(crate) struct ReceiptSelection {
    pub(crate) order_no: String,
    /// Parts separated by spaces.
    pub(crate) key: String,
}

impl ReceiptSelection {
    fn is_everything(&self) -> bool {
        self.order_no.is_empty() && self.key.is_empty()
    }
}

/// The messages of an exchange number after a position: at most so many, and none begins beyond so many
/// bytes. A message of which nothing but itself can be read any more is among them: `tail` says so to people.
pub(crate) async fn log(
    pool: &PgPool,
    tail: &Tail,
    dxp_id: &str,
    about: &ReceiptSelection,
    after: i64,
    page: (i64, i64),
) -> Result<Vec<LogEntry>, Fault> {
    let rows = if about.is_everything() {
        log_of_all(pool, dxp_id, after, page).await?
    } else {
        log_about(pool, dxp_id, about, after, page).await?
    };
    let slot = Slot::of(dxp_id);
    rows.into_iter().filter_map(|row| row.logged(tail, slot).transpose()).collect()
}

async fn log_of_all(
    pool: &PgPool,
    dxp_id: &str,
    after: i64,
    (most, bytes): (i64, i64),
) -> Result<Vec<LogRow>, Fault> {
    let rows = sqlx::query_as!(
        LogRow,
        // Bounded by bytes too: the first is always among them.
        r#"select number, position, version, facts, body as "body!", recorded_time
           from (select number, j.position, version, facts, body, recorded_time,
                        sum(octet_length(body)) over (order by number) - octet_length(body) as before
                 from (select * from log where log.slot = $1 and log.owner = $2 and number > $3
                       order by number limit $4) as numbered
                 join journal j on j.slot = $1 and j.position = numbered.position
                 where body is not null) as page
           where before < $5 order by number"#,
        Slot::of(dxp_id).column(),
        dxp_id,
        after,
        most,
        bytes
    );
    Ok(rows.fetch_all(pool).await?)
}

/// Those about one order or document. A statement of its own, so that each has the plan that fits it.
async fn log_about(
    pool: &PgPool,
    dxp_id: &str,
    about: &ReceiptSelection,
    after: i64,
    (most, bytes): (i64, i64),
) -> Result<Vec<LogRow>, Fault> {
    let rows = sqlx::query_as!(
        LogRow,
        // The key stands behind the guid, as `receipt::DocumentRef` keeps both. Bytes that are no text are
        // no key, and no reason to fail.
        r#"select number, position, version, facts, body as "body!", recorded_time
           from (select number, j.position, version, facts, body, recorded_time,
                        sum(octet_length(body)) over (order by number) - octet_length(body) as before
                 from journal j
                 join log on log.slot = $1 and log.position = j.position
                 where j.slot = $1 and j.owner = $2 and subject = $3 and number > $4
                   and body is not null
                   and ($5 = '' or translate(encode(
                           substr(facts, position('\x1e'::bytea in facts) + 1), 'escape'),
                           chr(31), ' ') = encode(convert_to($5, 'UTF8'), 'escape'))
                 order by number limit $6) as page
           where before < $7 order by number"#,
        Slot::of(dxp_id).column(),
        dxp_id,
        receipt::DocumentRef::subject(&about.order_no, &about.key),
        after,
        about.key,
        most,
        bytes
    );
    Ok(rows.fetch_all(pool).await?)
}

struct LogRow {
    number: i64,
    position: i64,
    version: i32,
    facts: Vec<u8>,
    body: Vec<u8>,
    recorded_time: OffsetDateTime,
}

impl LogRow {
    /// As a message. What says of which kind it is and what it is about may be damaged: the message itself is
    /// carried all the same. One that cannot be decrypted is passed over; what is behind either goes on.
    fn logged(self, tail: &Tail, slot: Slot) -> Result<Option<LogEntry>, Fault> {
        let heading =
            || Ok((column::number(self.version)?, receipt::DocumentRef::read(&self.facts)?));
        let (message_type, about) = heading().unwrap_or_else(|fault: Fault| {
            tail.report_damaged(slot, self.position, &fault);
            Default::default()
        });
        let body = match decrypt_body(tail.cipher(), slot, self.position, self.body) {
            Ok(body) => body.into(),
            Err(fault) => {
                tail.report_damaged(slot, self.position, &fault);
                return Ok(None);
            }
        };
        let position = column::unsigned(self.number)?;
        Ok(Some(LogEntry { position, message_type, about, body, time: self.recorded_time }))
    }
}

/// What documents are asked for.
#[derive(Debug, Default)]
pub(crate) struct DocumentFilter {
    pub(crate) order_no: Option<String>,
    pub(crate) kind: Option<DocumentKind>,
    pub(crate) waiting: bool,
    /// Any of a document's numbers.
    pub(crate) number: Option<String>,
    /// `None` for a caller who may see everything.
    pub(crate) dxp_ids: Option<Vec<String>>,
}

/// A document with what it still waits for.
pub(crate) struct DocumentStatus {
    pub(crate) stored: StoredDocument,
    pub(crate) missing: Vec<domain::documents::MissingDocument>,
}

/// A page of documents, newest first, and the token of the next.
pub(crate) async fn documents(
    ceb: &Ceb,
    caller: &str,
    filter: DocumentFilter,
    asked: (i32, &str),
) -> Result<(Vec<DocumentStatus>, String), ServiceError> {
    // Ids are in the order in which documents came.
    let page = Page::of(&ceb.tokens, caller, ("documents", &filter), asked)?;
    let (pool, cipher) = (&ceb.lists.get().await, ceb.tail.cipher());
    let named = match &filter.number {
        Some(number) => Some(named(pool, number).await?),
        None => None,
    };
    let rows = whole_documents!(
        "document d",
        "where ($1::text is null or order_no = $1)
           and ($2::smallint is null or d.kind = $2)
           and (not $3 or t.queue = 'matching')
           and ($4::text[] is null or dxp_id = any($4))
           and id < $5
           and ($7::uuid[] is null or id = any($7))
         order by id desc limit $6",
        filter.order_no.as_deref(),
        filter.kind.map(kind_column),
        filter.waiting,
        filter.dxp_ids.as_deref(),
        page.before()?,
        page.count(),
        named.as_deref(),
    )
    .fetch_all(pool)
    .await
    .map_err(Fault::from)?;
    let documents: Vec<StoredDocument> =
        rows.into_iter().map(|row| row.document(cipher)).collect::<Result<_, Fault>>()?;
    let (documents, next) = page.cut(documents, |stored| *stored.id.as_bytes())?;
    let companions = beside(pool, cipher, &documents).await?;
    let found = documents
        .into_iter()
        .map(|stored| DocumentStatus { missing: matching::missing(&companions, &stored), stored })
        .collect();
    Ok((found, next))
}

/// The documents that a number may mean, each way by its index.
async fn named(pool: &PgPool, number: &str) -> Result<Vec<Uuid>, Fault> {
    let ids = sqlx::query_scalar!(
        r#"select id as "id!" from document where order_no = $1 and order_no <> ''
           union select id from document where logistics_no = $1 and logistics_no <> ''
           union select id from document where cop_no = $1 and cop_no <> ''
           union select id from document where pre_no = $1 and pre_no <> ''
           union select id from document where invt_no = $1 and invt_no <> ''
           union select id from document where bill_no = $1 and bill_no <> ''
           union select id from document where upper(guid) = upper($1)"#,
        number
    )
    .fetch_all(pool)
    .await?;
    Ok(ids)
}

/// What the waiting inventories on a page are matched with.
async fn beside(
    pool: &PgPool,
    cipher: &Cipher,
    documents: &[StoredDocument],
) -> Result<DocumentSet, Fault> {
    let mut wanted = DocumentKeys::default();
    for stored in documents.iter().filter(|stored| stored.is_waiting()) {
        wanted.keys.insert((stored.kind.number(), stored.key.clone()));
    }
    let mut connection = pool.acquire().await?;
    DocumentSet::load(&mut connection, cipher, &wanted).await
}
