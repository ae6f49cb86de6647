//! `verify`: the books of all services against each other, over their tables: declarations and their journal,
//! inspections, the ledger of payments with bills, limits and money from abroad, and the tax refund with its invoices
//! and claims. Nothing is changed, and a window may run beside it.
//!
//! What one service knows and another one was not told yet differs for a moment. So what differs is looked at again,
//! and counts when it still stands there as it was.

mod comparisons;
mod contents;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use cli::{BilingualText, Language, Output};
use domain::Slot;
use domain::refusal::Code;
use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection, PgPool};

use self::comparisons::{BookComparison, COMPARISONS, SUMS};
use self::contents::{DECLARED, DeclaredContents};
use crate::data_keys::{self, Keys};
use crate::database::address;
use crate::run::Settings;

/// How the books are compared.
#[derive(Debug, Args)]
pub(crate) struct BooksArgs {
    /// What differs is looked at again for so many seconds: one service may not have told another one yet.
    #[arg(long, default_value_t = 10, value_name = "N")]
    wait_seconds: u64,
}

/// Between two looks at what differs.
const LOOK: Duration = Duration::from_secs(1);

/// A name, and what two books say of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct BookDifference {
    name: String,
    one: String,
    other: String,
}

/// What became of a comparison.
#[derive(Debug, Serialize)]
struct BookFinding {
    comparison: &'static str,
    what: &'static str,
    what_zh: &'static str,
    /// All that was found, at most a thousand.
    differences: Vec<BookDifference>,
}

/// A sum of a kind of money.
#[derive(Debug, Serialize)]
struct BookAmount {
    sum: &'static str,
    what: &'static str,
    what_zh: &'static str,
    currency: String,
    /// In the smallest unit.
    amount: i64,
}

/// What the books say.
#[derive(Debug, Serialize)]
struct BooksReport {
    /// Entries of the ledger that were recomputed.
    entries: usize,
    /// Declarations whose contents were compared.
    declarations: usize,
    findings: Vec<BookFinding>,
    sums: Vec<BookAmount>,
}

/// The books of a window.
struct Books {
    connection: PgConnection,
    payment: PgPool,
    declared: DeclaredContents,
    wait: Duration,
}

/// Compares, tells, and says how it ended: with 1 at a difference.
pub(crate) async fn verify(
    args: BooksArgs,
    settings: &Settings,
    (output, language): (Output, Language),
) -> anyhow::Result<ExitCode> {
    let mut books = Books::open(settings, Duration::from_secs(args.wait_seconds)).await?;
    let report = books.report().await?;
    books.close().await?;
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{}", serde_json::to_string(&report)?)?,
        Output::Table => writeln!(out, "{}", report.words(language))?,
    }
    let differs = report.findings.iter().any(|it| !it.differences.is_empty());
    Ok(if differs { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Books {
    async fn open(settings: &Settings, wait: Duration) -> anyhow::Result<Self> {
        let options = match &settings.database_url {
            Some(url) => address(url, "--database-url")?,
            None => store::private::running(&settings.data_dir).context(Code::PostgresFailed)?.1,
        };
        let options = options.options([("default_transaction_read_only", "on")]);
        let connect = |schema| pool(options.clone(), schema);
        let unplanned = options.clone().options([("jit", "off")]);
        let connection = PgConnection::connect_with(&unplanned).await.context(BilingualText::new(
            "the database of the window does not answer: start the window, or name the database with --database-url",
            "单一窗口的数据库未应答：请启动单一窗口，或用--database-url指明数据库",
        ));
        let usual = data_keys::usual(&settings.data_dir);
        let keys = Keys::read(settings.data_keys.clone().unwrap_or(usual))?; // the usual place
        Ok(Self {
            connection: connection.context(Code::PostgresFailed)?,
            payment: connect("payment").await?,
            declared: DeclaredContents::open(connect("declaration").await?, &keys).await?,
            wait,
        })
    }

    async fn close(self) -> anyhow::Result<()> {
        self.payment.close().await;
        self.declared.close().await;
        Ok(self.connection.close().await?)
    }

    async fn report(&mut self) -> anyhow::Result<BooksReport> {
        let (entries, recomputed) = self.ledger().await?;
        let mut findings = vec![recomputed];
        for comparison in COMPARISONS {
            let seen = self.differences(comparison).await?;
            findings.push(finding(comparison.name, comparison.what, seen));
        }
        let (declarations, seen) = self.declared.differences(&mut self.connection).await?;
        findings.push(finding(DECLARED.name, DECLARED.what, seen));
        self.look_again(&mut findings).await?;
        let mut sums = Vec::new();
        for sum in SUMS {
            let rows: Vec<(String, Option<i64>)> =
                sqlx::query_as(sum.sql).fetch_all(&mut self.connection).await?;
            let (what, what_zh) = sum.what;
            let rows = rows.into_iter().filter_map(|(currency, amount)| Some((currency, amount?)));
            sums.extend(rows.map(|(currency, amount)| BookAmount {
                sum: sum.name,
                what,
                what_zh,
                currency,
                amount,
            }));
        }
        Ok(BooksReport { entries, declarations, findings, sums })
    }

    /// The ledger against its own entries, slot by slot, until the first difference.
    async fn ledger(&mut self) -> anyhow::Result<(usize, BookFinding)> {
        let (mut entries, mut seen) = (0, BTreeSet::new());
        for slot in Slot::all() {
            let found = payment::ledger::verify_slot(&self.payment, slot).await?;
            entries += found.entries;
            if let Some(difference) = found.difference {
                seen.insert(BookDifference {
                    name: format!("slot {}", slot.number()),
                    one: "the entries".to_owned(),
                    other: format!("{difference:?}"),
                });
                break;
            }
        }
        let what = ("the ledger ↔ its entries, recomputed", "账簿 ↔ 由分录重算");
        Ok((entries, finding("ledger/entries", what, seen)))
    }

    async fn differences(
        &mut self,
        comparison: &BookComparison,
    ) -> anyhow::Result<BTreeSet<BookDifference>> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(comparison.sql)
            .fetch_all(&mut self.connection)
            .await
            .with_context(|| format!("the comparison {} cannot be made", comparison.name))?;
        let difference = |(name, one, other)| BookDifference { name, one, other };
        Ok(rows.into_iter().map(difference).collect())
    }

    /// Keeps what still stands there as it was.
    async fn look_again(&mut self, findings: &mut [BookFinding]) -> anyhow::Result<()> {
        let start = Instant::now();
        while start.elapsed() < self.wait && findings.iter().any(|it| !it.differences.is_empty()) {
            tokio::time::sleep(LOOK).await;
            for finding in findings.iter_mut().filter(|it| !it.differences.is_empty()) {
                let comparison = COMPARISONS.iter().find(|it| it.name == finding.comparison);
                // The others compare what never changes again.
                let Some(comparison) = comparison else { continue };
                let seen = self.differences(comparison).await?;
                finding.differences.retain(|it| seen.contains(it));
            }
        }
        Ok(())
    }
}

fn finding(
    comparison: &'static str,
    (what, what_zh): (&'static str, &'static str),
    seen: BTreeSet<BookDifference>,
) -> BookFinding {
    BookFinding { comparison, what, what_zh, differences: seen.into_iter().collect() }
}

async fn pool(options: PgConnectOptions, schema: &'static str) -> anyhow::Result<PgPool> {
    store::connect(options, schema, 1).await.context(Code::PostgresFailed)
}

impl BooksReport {
    fn words(&self, language: Language) -> String {
        let pick = |(english, chinese): (&'static str, &'static str)| match language {
            Language::English => english,
            Language::Chinese => chinese,
        };
        let (entries, declarations) = (self.entries, self.declarations);
        let mut lines = vec![match language {
            Language::English => format!(
                "{} comparisons; {entries} entries of the ledger recomputed, {declarations} declarations read",
                self.findings.len()
            ),
            Language::Chinese => format!(
                "{}项核对；重算{entries}条账簿分录，读取{declarations}份清单",
                self.findings.len()
            ),
        }];
        let yuan = |amount: i64| domain::tax_refund::arithmetic::Yuan(amount).to_string();
        for it in &self.sums {
            let (currency, what) = (&it.currency, pick((it.what, it.what_zh)));
            // What has no cents is told as it is counted.
            let whole = currency == "JPY" || currency == "KRW";
            let amount = if whole { it.amount.to_string() } else { yuan(it.amount) };
            lines.push(format!("{amount:>18} {currency}  {what}"));
        }
        let mut differing = self.findings.iter().filter(|it| !it.differences.is_empty());
        let Some(first) = differing.next() else {
            lines.push(pick(("no difference", "无差异")).to_owned());
            return lines.join("\n");
        };
        for finding in std::iter::once(first).chain(differing) {
            let (count, what) = (finding.differences.len(), pick((finding.what, finding.what_zh)));
            let differs = pick(("differs", "存在差异"));
            lines.push(format!("{differs} ({count}): {what} [{}]", finding.comparison));
            if let Some(BookDifference { name, one, other }) = finding.differences.first() {
                lines.push(format!("  {name}: {one} ↔ {other}"));
            }
        }
        lines.join("\n")
    }
}
