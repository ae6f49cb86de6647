//! What was declared against what the services made of it: lines of the tax refund, what is due for an export, and
//! what a buyer bought. Contents are encrypted, so they are read here and not by a statement.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use domain::Slot;
use domain::payment::ledger::Currency;
use domain::refusal::Code;
use prost::Message as _;
use proto::v1;
use sqlx::{PgConnection, PgPool};
use store::cipher::Cipher;
use store::content::{self, ContentKey};
use uuid::Uuid;

use super::BookDifference;
use super::comparisons::BookComparison;
use crate::data_keys::Keys;

/// What is compared here.
pub(super) const DECLARED: BookComparison = BookComparison {
    name: "declared/books",
    what: (
        "what was declared ↔ lines of the tax refund, what is due for an export, what a buyer bought",
        "申报内容 ↔ 退税明细、出口应收、个人交易额",
    ),
    sql: "select d.slot, d.id, d.version from declaration.declaration d
          where (d.slot, d.id) > ($1, $2) and d.phase = 3 and d.archived_time is null
          order by d.slot, d.id limit $3",
};

/// Declarations that are read at a time.
const PAGE: i64 = 500;
/// Differences that are told at most.
const MOST: usize = 1_000;

/// Contents of declarations.
pub(super) struct DeclaredContents {
    pool: PgPool,
    cipher: Cipher,
}

/// What the services keep of a declaration, as texts by their names.
type FieldsById = BTreeMap<Uuid, BTreeMap<String, String>>;

impl DeclaredContents {
    pub(super) async fn open(pool: PgPool, keys: &Keys) -> anyhow::Result<Self> {
        let cipher = Cipher::new("declaration", keys.keys.clone())?;
        keys.compare(&cipher.missing(&pool).await.context(Code::PostgresFailed)?)?;
        Ok(Self { pool, cipher })
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }

    /// How many released declarations were read, and what of them differs.
    pub(super) async fn differences(
        &self,
        books: &mut PgConnection,
    ) -> anyhow::Result<(usize, BTreeSet<BookDifference>)> {
        let (mut count, mut seen, mut after) = (0, BTreeSet::new(), (-1_i16, Uuid::nil()));
        let mut contents = self.pool.acquire().await?;
        loop {
            let page: Vec<(i16, Uuid, i32)> = sqlx::query_as(DECLARED.sql)
                .bind(after.0)
                .bind(after.1)
                .bind(PAGE)
                .fetch_all(&mut *books)
                .await?;
            let Some((slot, id, _)) = page.last() else { return Ok((count, seen)) };
            after = (*slot, *id);
            let mut kept = kept(books, page.iter().map(|(_, id, _)| *id).collect()).await?;
            for (slot, subject, version) in &page {
                let slot = u32::try_from(*slot).ok().and_then(Slot::new);
                let slot = slot.context("a slot is out of range")?;
                let key = ContentKey { slot, subject: *subject, version: *version };
                let found = content::read(&mut contents, &self.cipher, key).await?;
                // Archived since.
                let Some(body) = found else { continue };
                count += 1;
                let declared = v1::Declaration::decode(body)?;
                // Of a declaration that no service has to keep there is nothing.
                let kept = kept.remove(subject).unwrap_or_default();
                compare(*subject, &declared, &kept, &mut seen);
            }
            if seen.len() >= MOST {
                return Ok((count, seen));
            }
        }
    }
}

/// What differs of a declaration. Whether there has to be something is compared elsewhere.
fn compare(
    id: Uuid,
    declared: &v1::Declaration,
    kept: &BTreeMap<String, String>,
    seen: &mut BTreeSet<BookDifference>,
) {
    let expected = expected(declared);
    let has_lines = kept.keys().any(|name| name.starts_with("/lines/"));
    for (name, one) in &expected {
        // A service that does not run keeps nothing; of what is split in lines all or none are there.
        let is_due = kept.contains_key(name) || has_lines && name.starts_with("/lines/");
        let other = kept.get(name).map_or("nothing", String::as_str);
        if is_due && one != other {
            let name = format!("declarations/{id}{name}");
            seen.insert(BookDifference { name, one: one.clone(), other: other.to_owned() });
        }
    }
    for (name, other) in kept.iter().filter(|(name, _)| !expected.contains_key(*name)) {
        let name = format!("declarations/{id}{name}");
        seen.insert(BookDifference { name, one: "nothing".to_owned(), other: other.clone() });
    }
}

/// What the services should keep of it.
fn expected(declared: &v1::Declaration) -> BTreeMap<String, String> {
    let amount = |money: &Option<v1::Money>| money.as_ref().map_or(0, |money| money.amount_e5);
    let sum: i64 = declared.lines.iter().map(|line| amount(&line.total_price)).sum();
    if declared.ie_flag() != v1::Direction::Export {
        let charges = amount(&declared.freight) + amount(&declared.insured_fee);
        return BTreeMap::from([(" bought".to_owned(), format!("{} fen", fen(sum + charges)))]);
    }
    let line = |line: &v1::GoodsLine| {
        let (qty, total) = (line.qty.as_ref(), line.total_price.as_ref());
        let unit = qty.map_or("", |qty| qty.unit.as_str());
        let currency = total.map_or("", |total| total.currency.as_str());
        let (qty_e5, amount_e5) = (qty.map_or(0, |it| it.value_e5), amount(&line.total_price));
        (format!("/lines/{}", line.gnum), goods(&line.gcode, (qty_e5, unit), (amount_e5, currency)))
    };
    let mut expected: BTreeMap<_, _> = declared.lines.iter().map(line).collect();
    let code = declared.lines.first().and_then(|line| line.total_price.as_ref());
    let code = code.map_or("", |price| price.currency.as_str());
    let currency = Currency::ALL.into_iter().find(|it| it.customs_code() == code);
    if let Some(currency) = currency {
        let one = 10_i64.pow(5 - currency.minor_digits());
        let due = (sum + one / 2) / one;
        expected.insert(" due".to_owned(), format!("{due} {}", currency.letters()));
    }
    expected
}

fn fen(amount_e5: i64) -> i64 {
    (amount_e5 + 500) / 1_000
}

fn goods(gcode: &str, (qty_e5, unit): (i64, &str), (amount_e5, currency): (i64, &str)) -> String {
    format!("{gcode}, {qty_e5}/100000 of {unit}, {amount_e5}/100000 of {currency}")
}

async fn kept(books: &mut PgConnection, ids: Vec<Uuid>) -> anyhow::Result<FieldsById> {
    let mut kept = FieldsById::new();
    let lines: Vec<(Uuid, i32, String, i64, String, i64, String)> = sqlx::query_as(
        "select declaration_id, line, gcode, qty_e5, unit, amount_e5, currency from refund.export_line
         where declaration_id = any($1)",
    )
    .bind(&ids)
    .fetch_all(&mut *books)
    .await?;
    for (id, line, gcode, qty_e5, unit, amount_e5, currency) in lines {
        let text = goods(&gcode, (qty_e5, &unit), (amount_e5, &currency));
        kept.entry(id).or_default().insert(format!("/lines/{line}"), text);
    }
    let sales: Vec<(Uuid, i64, String)> = sqlx::query_as(
        "select declaration_id, amount, currency from payment.export_sale where declaration_id = any($1)",
    )
    .bind(&ids)
    .fetch_all(&mut *books)
    .await?;
    for (id, amount, currency) in sales {
        kept.entry(id).or_default().insert(" due".to_owned(), format!("{amount} {currency}"));
    }
    let bought: Vec<(Uuid, i64)> = sqlx::query_as(
        "select declaration_id, amount_fen from payment.person_purchase where declaration_id = any($1)",
    )
    .bind(&ids)
    .fetch_all(books)
    .await?;
    for (id, amount_fen) in bought {
        kept.entry(id).or_default().insert(" bought".to_owned(), format!("{amount_fen} fen"));
    }
    Ok(kept)
}
