//! Reading: the log of receipts of an exchange number, and where documents stand.

use domain::Slot;
use domain::documents::DocumentKind;
use sqlx::PgPool;
use store::page::Page;
use store::{Fault, ServiceError, column};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::document_set::{DocumentKeys, DocumentSet, Row, kind_column};
use crate::stored_document::StoredDocument;
use crate::{Ceb, matching, receipt};

/// A message in the log of an exchange number.
#[derive(Debug)]
pub(crate) struct Logged {
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
/// bytes.
pub(crate) async fn log(
    pool: &PgPool,
    dxp_id: &str,
    about: &ReceiptSelection,
    after: i64,
    (most, bytes): (i64, i64),
) -> Result<Vec<Logged>, Fault> {
    if !about.is_everything() {
        return log_about(pool, dxp_id, about, after, (most, bytes)).await;
    }
    let rows = sqlx::query_as!(
        LogRow,
        // Bounded by bytes too: the first is always among them.
        r#"select number, version, facts, body as "body!", recorded_time
           from (select number, version, facts, body, recorded_time,
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
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Logged::try_from).collect()
}

/// Those about one order or document. A statement of its own, so that each has the plan that fits it.
async fn log_about(
    pool: &PgPool,
    dxp_id: &str,
    about: &ReceiptSelection,
    after: i64,
    (most, bytes): (i64, i64),
) -> Result<Vec<Logged>, Fault> {
    let rows = sqlx::query_as!(
        LogRow,
        // The key stands behind the guid, as `receipt::DocumentRef` keeps both.
        r#"select number, version, facts, body as "body!", recorded_time
           from (select number, version, facts, body, recorded_time,
                        sum(octet_length(body)) over (order by number) - octet_length(body) as before
                 from journal j
                 join log on log.slot = $1 and log.position = j.position
                 where j.slot = $1 and j.owner = $2 and subject = $3 and number > $4
                   and body is not null
                   and ($5 = '' or translate(convert_from(
                           substr(facts, position('\x1e'::bytea in facts) + 1), 'UTF8'),
                           chr(31), ' ') = $5)
                 order by number limit $6) as page
           where before < $7 order by number"#,
        Slot::of(dxp_id).column(),
        dxp_id,
        receipt::DocumentRef::subject(&about.order_no, &about.key),
        after,
        about.key,
        most,
        bytes
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(Logged::try_from).collect()
}

struct LogRow {
    number: i64,
    version: i32,
    facts: Vec<u8>,
    body: Vec<u8>,
    recorded_time: OffsetDateTime,
}

impl TryFrom<LogRow> for Logged {
    type Error = Fault;

    fn try_from(row: LogRow) -> Result<Self, Fault> {
        Ok(Self {
            position: column::unsigned(row.number)?,
            message_type: column::number(row.version)?,
            about: receipt::DocumentRef::read(&row.facts)?,
            body: row.body,
            time: row.recorded_time,
        })
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
    pub(crate) paper: StoredDocument,
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
    let pool = &ceb.reads;
    let named = match &filter.number {
        Some(number) => Some(named(pool, number).await?),
        None => None,
    };
    let rows = sqlx::query_as!(
        Row,
        r#"select d.slot, d.kind, d.key, id, guid, app_time, draft, deleted, status, info, dxp_id,
                  subscribers,
                  order_no, logistics_code, logistics_no, agent_code, ebc_code, cop_no, bill_no, pre_no,
                  invt_no, declaration_id, released_time, sum_no, cancels, t.queue as "queue?", signed,
                  digest, body, received_time, changed_time, told_time, held_back
           from document d
           left join (select slot, id as document, queue from queue_item
                      where queue in ('filing', 'withdrawal', 'matching')) t
                  on t.slot = d.slot and t.document = d.id
           where ($1::text is null or order_no = $1)
             and ($2::smallint is null or d.kind = $2)
             and (not $3 or t.queue = 'matching')
             and ($4::text[] is null or dxp_id = any($4))
             and id < $5
             and ($7::uuid[] is null or id = any($7))
           order by id desc limit $6"#,
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
    let papers: Vec<StoredDocument> =
        rows.into_iter().map(TryInto::try_into).collect::<Result<_, Fault>>()?;
    let (papers, next) = page.cut(papers, |paper| *paper.id.as_bytes())?;
    let shelf = beside(pool, &papers).await?;
    let found = papers
        .into_iter()
        .map(|paper| DocumentStatus { missing: matching::missing(&shelf, &paper), paper })
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
async fn beside(pool: &PgPool, papers: &[StoredDocument]) -> Result<DocumentSet, Fault> {
    let mut wanted = DocumentKeys::default();
    for paper in papers.iter().filter(|paper| matching::is_waiting(paper)) {
        wanted.keys.insert((paper.kind.number(), paper.key.clone()));
    }
    let mut connection = pool.acquire().await?;
    DocumentSet::load(&mut connection, &wanted).await
}
