//! What many declarations that are over cost those who work: filing, finding, listing and watching, in an empty
//! window and beside so many, which are loaded in bulk. What counts are the ratios.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use client::Window;
use domain::{DeclarationId, ReleaseId, Slot, limits};
use proto::v1;
use sqlx::{PgConnection, Row as _};
use store::cipher::{Cipher, DataKeys};
use store::content::{self, ContentKey};
use store::private::PrivatePostgres;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::{NoContext, Timestamp, Uuid};

use super::load::template;
use super::{caller, end, report_progress, start};
use crate::data_keys;
use crate::tasks::{Task, Tasks};

/// Firms that filed what is loaded.
const FIRMS: u64 = 2_000;
/// Rows of one statement.
const CHUNK: u64 = 2_000;
/// Days over which it was filed.
const DAYS: u64 = 360;
/// How often each thing is done; the middle one counts.
const TIMES: usize = 31;

/// What one thing took, in microseconds: in the empty window, and beside what was loaded.
pub(super) type Costs = Vec<(String, u64, u64)>;

/// Measures both.
pub(super) async fn run(place: &Path, count: u64) -> anyhow::Result<Costs> {
    let data_dir = place.join("stored");
    let mut service = start(&data_dir).await?;
    report_progress("an empty window");
    let empty = measure(&data_dir, "EMPTY").await;
    end(&mut service).await?;
    let empty = empty?;
    report_progress("loading");
    let loading = Instant::now();
    fill(&data_dir, count).await?;
    report_progress(&format!(
        "loaded {count} in {} s; the same again",
        loading.elapsed().as_secs()
    ));
    // Where the one before was is no longer true.
    std::fs::remove_file(cli::sandbox::address_file(&data_dir))?;
    let mut service = start(&data_dir).await?;
    let full = measure(&data_dir, "FULL").await;
    end(&mut service).await?;
    let both = empty.into_iter().zip(full?);
    Ok(both.map(|((what, empty), (_, full))| (what, empty, full)).collect())
}

/// Prints them.
pub(super) fn print(costs: &Costs, count: u64) -> anyhow::Result<()> {
    let mut table = comfy_table::Table::new();
    table.set_header(["ms", "empty", &format!("beside {count}"), "times"]);
    let milli = |us: u64| format!("{}.{:02}", us / 1_000, us % 1_000 / 10);
    for (what, empty, full) in costs {
        let times = full * 100 / empty.max(&1);
        let times = format!("{}.{:02}", times / 100, times % 100);
        table.add_row([what.clone(), milli(*empty), milli(*full), times]);
    }
    std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{table}\n"))?;
    Ok(())
}

/// As figures of a run.
pub(super) fn json(costs: &Costs, count: u64) -> serde_json::Value {
    let each = costs.iter().map(|(what, empty, full)| {
        (what.clone(), serde_json::json!({ "empty_us": empty, "stored_us": full }))
    });
    serde_json::json!({ "stored": count, "each": each.collect::<serde_json::Map<_, _>>() })
}

/// What each thing takes.
async fn measure(data_dir: &Path, name: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let agent = Window::connect(&caller(data_dir, "agent").await?).await?;
    let admin = Window::connect(&caller(data_dir, "admin").await?).await?;
    let mut costs = Vec::new();
    let mut number = 0;
    let mut filed = None;
    let filing = timed(async || {
        number += 1;
        let (order_no, cop_no) = (format!("{name}-{number}"), format!("C{name}-{number}"));
        let logistics_no = format!("WB-{name}-{number}");
        let declaration = v1::Declaration { order_no, cop_no, logistics_no, ..template() };
        let request_id = Uuid::now_v7().to_string();
        let declaration = Some(declaration);
        let request = v1::SubmitRequest { request_id, declaration, ..Default::default() };
        let receipt = agent.declarations().submit(request).await?.into_inner();
        filed.get_or_insert(receipt);
        Ok(())
    });
    costs.push(("filing".to_owned(), filing.await?));
    let filed = filed.context("nothing was filed")?;
    let found = [
        ("get by name", String::new()),
        ("get by orderNo", format!("{name}-1")),
        ("get by copNo", format!("C{name}-1")),
        ("get by way-bill", format!("WB-{name}-1")),
        ("get by preNo", filed.pre_no.clone()),
    ];
    for (what, number) in found {
        let name = if number.is_empty() { filed.name.clone() } else { String::new() };
        let request = v1::GetRequest { name, number, ..Default::default() };
        for (who, window) in [("a firm's agent", &agent), ("administrator", &admin)] {
            let get = timed(async || {
                window.declarations().get(request.clone()).await?;
                Ok(())
            });
            costs.push((format!("{what}, {who}"), get.await?));
        }
    }
    let ago = |days| Some(proto::timestamp(now() - time::Duration::days(days)));
    let none = v1::ListRequest::default();
    let of_state = |state: v1::State| v1::ListRequest { state: state.into(), ..none.clone() };
    let lists = [
        ("list", none.clone()),
        ("list of released", of_state(v1::State::Released)),
        ("list of under review", of_state(v1::State::UnderReview)),
        ("list of rejected", of_state(v1::State::Rejected)),
        ("list of a mode", v1::ListRequest { trade_mode: "9610".into(), ..none.clone() }),
        ("list of an order", v1::ListRequest { order_no: format!("{name}-1"), ..none.clone() }),
        ("list of a declarant", v1::ListRequest { declarant_code: code(7), ..none.clone() }),
        ("list of today", v1::ListRequest { filed_from_time: ago(1), ..none.clone() }),
        ("list of before", v1::ListRequest { filed_until_time: ago(200), ..none }),
    ];
    for (what, request) in lists {
        let list = timed(async || {
            admin.declarations().list(request.clone()).await?;
            Ok(())
        });
        costs.push((what.to_owned(), list.await?));
    }
    let watch = timed(async || {
        // What is told first is all that happened to it.
        let request = v1::WatchRequest { name: filed.name.clone(), ..Default::default() };
        let mut news = agent.declarations().watch(request).await?.into_inner();
        news.message().await?;
        Ok(())
    });
    costs.push(("watch".to_owned(), watch.await?));
    let statistics = timed(async || {
        let request = v1::GetStatisticsRequest {
            filed_from_time: ago(30),
            filed_until_time: ago(0),
            ..Default::default()
        };
        admin.inspection().get_statistics(request).await?;
        Ok(())
    });
    costs.push(("statistics of 30 days".to_owned(), statistics.await?));
    Ok(costs)
}

/// The middle of what it takes, after a few tries for the caches.
async fn timed(mut once: impl AsyncFnMut() -> anyhow::Result<()>) -> anyhow::Result<u64> {
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let start = Instant::now();
        once().await?;
        times.push(u64::try_from(start.elapsed().as_micros())?);
    }
    times.sort_unstable();
    times.get(TIMES / 2).copied().context("it was never done")
}

#[expect(clippy::disallowed_methods, reason = "a measurement has no other clock")]
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

fn code(number: u64) -> String {
    format!("37029{:05}", number % FIRMS)
}

/// Loads finished declarations into the tables of a window that does not run.
async fn fill(data_dir: &Path, count: u64) -> anyhow::Result<()> {
    let path = std::env::var_os("PATH");
    let started =
        PrivatePostgres::start(data_dir, None, path.as_deref(), std::future::pending()).await?;
    let postgres = started.context("nobody told it to stop")?;
    let options = postgres.connect_options().options([("search_path", "declaration,inspection")]);
    let (mut tasks, stop) = (Tasks::default(), CancellationToken::new());
    let stopped = stop.clone().cancelled_owned();
    tasks.spawn(Task::Postgres, async move { Ok(postgres.run(stopped).await?) });
    let keys = std::fs::read_to_string(data_keys::usual(data_dir))?;
    let cipher = Cipher::new("declaration", DataKeys::parse(&keys)?)?;
    let mut connection = sqlx::ConnectOptions::connect(&options).await?;
    let loaded = load(&mut connection, &cipher, count).await;
    sqlx::Connection::close(connection).await?;
    stop.cancel();
    tasks.finish(Duration::from_secs(300)).await;
    loaded
}

async fn load(connection: &mut PgConnection, cipher: &Cipher, count: u64) -> anyhow::Result<()> {
    let heads = sqlx::query("select slot, position from journal_head");
    let heads = heads.fetch_all(&mut *connection).await?;
    let mut heads: BTreeMap<i16, i64> =
        heads.into_iter().map(|row| (row.get(0), row.get(1))).collect();
    // What happened to each is what happened to the first one that was filed.
    let facts: Vec<u8> =
        sqlx::query_scalar("select facts from journal order by recorded_time limit 1")
            .fetch_one(&mut *connection)
            .await?;
    let first = now() - time::Duration::days(i64::try_from(DAYS)?);
    let body = Bytes::from(prost::Message::encode_to_vec(&template()));
    for from in (0..count).step_by(usize::try_from(CHUNK)?) {
        let mut rows = Rows::default();
        for number in from..count.min(from + CHUNK) {
            let seconds = number * DAYS * 86_400 / count.max(1);
            rows.push(number, first + Duration::from_secs(seconds), &mut heads)?;
        }
        let keys = rows.slots.iter().zip(&rows.ids).map(|(slot, id)| (*slot, *id));
        let contents = keys.filter_map(|(slot, subject)| {
            let slot = Slot::new(u32::try_from(slot).ok()?)?;
            Some((ContentKey { slot, subject, version: 1 }, body.clone()))
        });
        content::write(&mut *connection, cipher, &contents.collect::<Vec<_>>()).await?;
        for statement in STATEMENTS.iter().copied() {
            sqlx::query(statement)
                .bind(&rows.slots)
                .bind(&rows.ids)
                .bind(&rows.codes)
                .bind(&rows.times)
                .bind(&rows.numbers)
                .bind(&rows.positions)
                .bind(&rows.releases)
                .bind(&rows.named)
                .bind(&facts)
                .execute(&mut *connection)
                .await?;
        }
    }
    let (slots, positions): (Vec<i16>, Vec<i64>) = heads.into_iter().unzip();
    for statement in [
        "update journal_head h set position = now.position
         from unnest($1::smallint[], $2::bigint[]) as now (slot, position) where h.slot = now.slot",
        // Everybody has heard of all of it.
        "update subscription s set position = now.position
         from unnest($1::smallint[], $2::bigint[]) as now (slot, position) where s.slot = now.slot",
    ] {
        sqlx::query(statement).bind(&slots).bind(&positions).execute(&mut *connection).await?;
    }
    sqlx::raw_sql("vacuum analyze").execute(&mut *connection).await?;
    Ok(())
}

/// Columns of what is loaded.
#[derive(Default)]
struct Rows {
    slots: Vec<i16>,
    ids: Vec<Uuid>,
    codes: Vec<String>,
    times: Vec<OffsetDateTime>,
    numbers: Vec<i64>,
    positions: Vec<i64>,
    releases: Vec<Uuid>,
    /// Slots of the order number and of the way-bill.
    named: Vec<String>,
}

impl Rows {
    fn push(
        &mut self,
        number: u64,
        time: OffsetDateTime,
        heads: &mut BTreeMap<i16, i64>,
    ) -> anyhow::Result<()> {
        let code = code(number);
        let slot = Slot::of(&code);
        let seconds = u64::try_from(time.unix_timestamp())?;
        let fresh = || Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, time.nanosecond()));
        let head = heads.entry(slot.column()).or_default();
        self.slots.push(slot.column());
        self.ids.push(DeclarationId::new(fresh(), slot).uuid());
        self.releases.push(ReleaseId::new(fresh(), slot).0);
        self.codes.push(code);
        self.times.push(time);
        self.numbers.push(i64::try_from(number)?);
        self.positions.push(*head + 1);
        let of = |name: String| Slot::of(&name).column();
        let (order, way_bill) = (of(format!("STORED{number}")), of(format!("WBS{number}")));
        self.named.push(format!("{order},{way_bill}"));
        *head += 2;
        anyhow::ensure!(
            i64::try_from(number)? < limits::NUMBERS_PER_SLOT,
            "so many have no numbers"
        );
        Ok(())
    }
}

/// Each takes the same columns.
const STATEMENTS: &[&str] = &[
    "insert into declaration (slot, id, declarant_code, ebc_code, order_no, cop_no, logistics_no, direction,
                              trade_mode, customs_code, pre_no, invt_no, filed_time, version, round, phase,
                              stands, joint, positions, answers)
     select slot, id, code, code, 'STORED' || no, 'CS' || no, 'WBS' || no, 2, '9610', '4258',
            'B' || to_char(time, 'YYYYMMDD') || lpad((slot::bigint * 3906250 + no % 1900000)::text, 9, '0'),
            '4258' || to_char(time, 'YYYY') || 'E' || lpad((slot::bigint * 390625000 + no)::text, 11, '0'),
            time, 1, 1, 3, '8880', 0, array[position, position + 1], decode(repeat('07', 66), 'hex')
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     where $9::bytea is not null",
    "insert into journal (slot, position, event_id, subject, owner, version, round, phase, topics,
                          recorded_time, trace, facts, shows_content)
     select slot, position + step, ('0190a6e1-0000-7000-8000-' || right(id::text, 12))::uuid, id, code, 1, 1,
            1 + step * 2, 0, time, '', $9, step = 0
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     cross join generate_series(0, 1) step",
    "insert into release (slot, declaration_id, release_id, version, released_time)
     select slot, id, release, 1, time + interval '1 hour'
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     where $9::bytea is not null",
    "insert into customs_number (slot, invt_no, declaration_id)
     select slot,
            '4258' || to_char(time, 'YYYY') || 'E' || lpad((slot::bigint * 390625000 + no)::text, 11, '0'), id
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     where $9::bytea is not null",
    "insert into declared_order (slot, order_no, ebc_code, declaration_id)
     select split_part(named, ',', 1)::smallint, 'STORED' || no, code, id
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     where $9::bytea is not null",
    "insert into outside_number (slot, number, kind, declaration_id, declarant_code)
     select split_part(named, ',', 2)::smallint, 'WBS' || no, 1, id, code
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     where $9::bytea is not null",
    "insert into request (slot, request_id, caller, digest, outcome, recorded_time)
     select slot, release, code, sha256(uuid_send(id)), uuid_send(id), time
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     where $9::bytea is not null",
    "insert into consignment (slot, declaration_id, declarant_code, port_code, trade_mode, class,
                                         version, headings, filed_time, ended, ended_time)
     select slot, id, code, '4258', '9610', 2, 1, array['9617'], time, 1, time + interval '1 hour'
     from unnest($1::smallint[], $2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[],
                 $7::uuid[], $8::text[]) as n (slot, id, code, time, no, position, release, named)
     where $9::bytea is not null",
];
