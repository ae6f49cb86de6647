//! A declaration is found by every number that it has, by whoever may see it, and by index.

use std::time::{Duration, Instant};

use client::Window;
use domain::ids::{is_given_by_door, slot_of_invt_no, slot_of_pre_no};
use proto::v1::{self, NumberKind as Number, State};
use sqlx::Row as _;
use tonic::Code;

use crate::harness::Sandbox;
use crate::harness::national::{Erp, import};
use crate::harness::people::{Enterprise, export, filing};

async fn get(
    window: &Window,
    number: &str,
    kind: Number,
) -> Result<v1::GetResponse, tonic::Status> {
    let request = v1::GetRequest {
        number: number.to_owned(),
        number_kind: kind.into(),
        ..Default::default()
    };
    window.declarations().get(request).await.map(tonic::Response::into_inner)
}

/// The one that is meant by a number.
async fn name_of(window: &Window, number: &str, kind: Number) -> String {
    let got = get(window, number, kind).await.unwrap_or_else(|e| panic!("{number}: {e}"));
    assert!(got.candidates.is_empty(), "{number}: {:?}", got.candidates);
    got.record.expect("a record").name
}

fn with_way_bill(order_no: &str, logistics_no: &str) -> v1::Declaration {
    v1::Declaration { logistics_no: logistics_no.into(), ..export(order_no) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_number_finds_its_declaration_for_those_who_may_see_it() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let other = sandbox.connect("enterprise-b").await;
    let agent = sandbox.connect("agent").await;
    let declaration =
        v1::Declaration { bill_no: "BL-LOOK-1".into(), ..with_way_bill("LOOK-1", "WB-LOOK-1") };
    let receipt = firm.tries(filing(declaration)).await.expect("valid");
    firm.sees(&receipt.name, State::Released).await;
    let record = firm.reads(&receipt.name).await;
    let id = receipt.name.trim_start_matches("declarations/");

    for (number, kind) in [
        ("LOOK-1", Number::OrderNo),
        ("CLOOK-1", Number::CopNo),
        ("WB-LOOK-1", Number::LogisticsNo),
        ("BL-LOOK-1", Number::BillNo),
        (&record.pre_no, Number::PreNo),
        (&record.invt_no, Number::InvtNo),
        (&record.release_id, Number::ReleaseId),
        (id, Number::Unspecified),
    ] {
        for caller in [&firm.0, &agent] {
            assert_eq!(name_of(caller, number, kind).await, receipt.name, "{kind:?}");
            assert_eq!(name_of(caller, number, Number::Unspecified).await, receipt.name);
        }
        // What belongs to somebody else looks like what does not exist.
        for kind in [kind, Number::Unspecified] {
            let foreign = get(&other, number, kind).await.expect_err("it is not theirs");
            let nothing = get(&other, "NO-SUCH-1", kind).await.expect_err("it does not exist");
            assert_eq!((foreign.code(), nothing.code()), (Code::NotFound, Code::NotFound));
            assert_eq!(foreign.message(), nothing.message());
        }
        if kind != Number::Unspecified {
            let others = if kind == Number::OrderNo { Number::CopNo } else { Number::OrderNo };
            let wrong = get(&firm.0, number, others).await.expect_err("it is another number");
            assert_eq!(wrong.code(), Code::NotFound, "{kind:?} is no {others:?}");
        }
    }
    for (request, code) in [
        (v1::GetRequest::default(), Code::InvalidArgument),
        (
            v1::GetRequest { name: receipt.name.clone(), number: "x".into(), number_kind: 0 },
            Code::InvalidArgument,
        ),
        (v1::GetRequest { number: "x\0".into(), ..Default::default() }, Code::InvalidArgument),
        (
            v1::GetRequest { number: "x".into(), number_kind: 99, ..Default::default() },
            Code::InvalidArgument,
        ),
    ] {
        let refused = firm.0.declarations().get(request.clone()).await.expect_err("it is wrong");
        assert_eq!(refused.code(), code, "{request:?}");
    }
}

/// A slot is shared: whoever has two of its numbers must not be able to count those between.
fn hides_numbers_of_others(what: &str, numbers: &[String], digits: usize) {
    let serials: Vec<i64> = numbers
        .iter()
        .map(|number| number[number.len() - digits..].parse().expect("digits"))
        .collect();
    let steps: Vec<i64> = serials.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(steps.iter().all(|step| step.abs() > 3), "{what} are counted: {numbers:?}");
    let up = steps.iter().filter(|step| **step > 0).count();
    assert!(up > 0 && up < steps.len(), "{what} are in order: {numbers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_say_nothing_of_what_neighbours_file() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let (mut pre_nos, mut invt_nos) = (Vec::new(), Vec::new());
    let mut filed = Vec::new();
    for number in 0..12 {
        filed.push(firm.files(&format!("NEIGHBOUR-{number}")).await);
    }
    for receipt in filed {
        firm.sees(&receipt.name, State::Released).await;
        let record = firm.reads(&receipt.name).await;
        assert_eq!(record.pre_no, receipt.pre_no);
        assert_eq!(name_of(&firm.0, &record.pre_no, Number::PreNo).await, receipt.name);
        assert_eq!(name_of(&firm.0, &record.invt_no, Number::InvtNo).await, receipt.name);
        pre_nos.push(record.pre_no);
        invt_nos.push(record.invt_no);
    }
    // Whose they are is seen, as before.
    let slot = pre_nos.first().and_then(|number| slot_of_pre_no(number));
    assert!(slot.is_some() && pre_nos.iter().all(|number| slot_of_pre_no(number) == slot));
    assert!(invt_nos.iter().all(|number| slot_of_invt_no(number) == slot), "{invt_nos:?}");
    assert!(!pre_nos.iter().any(|number| is_given_by_door(number)), "{pre_nos:?}");
    hides_numbers_of_others("preNo", &pre_nos, 9);
    hides_numbers_of_others("invtNo", &invt_nos, 11);

    let erp = Erp::of(&sandbox).await;
    let mut of_door = Vec::new();
    for number in 0..12 {
        let inventory = import(&format!("NEIGHBOUR-DOOR-{number}")).inventory();
        of_door.push(erp.sends(&[inventory]).await[0].pre_no.clone());
    }
    assert!(of_door.iter().all(|number| is_given_by_door(number)), "{of_door:?}");
    hides_numbers_of_others("preNo of the door", &of_door, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_means_what_stands_and_several_are_listed() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);

    // Declared again after a rejection: the order number means the new one, the own number of the old
    // one still finds the old one.
    let first = firm.files("SBX-REJECT1313-1").await;
    firm.sees(&first.name, State::Rejected).await;
    assert_eq!(name_of(&firm.0, "SBX-REJECT1313-1", Number::Unspecified).await, first.name);
    let again = v1::Declaration { cop_no: "C-AGAIN".into(), ..export("SBX-REJECT1313-1") };
    let second = firm.tries(filing(again)).await.expect("the order may be declared again");
    assert_eq!(name_of(&firm.0, "SBX-REJECT1313-1", Number::OrderNo).await, second.name);
    assert_eq!(name_of(&firm.0, "CSBX-REJECT1313-1", Number::CopNo).await, first.name);
    let list = v1::ListRequest { order_no: "SBX-REJECT1313-1".into(), ..Default::default() };
    let listed = firm.0.declarations().list(list).await.expect("a list").into_inner();
    let listed: Vec<_> = listed.records.into_iter().map(|record| record.name).collect();
    assert_eq!(listed, [second.name, first.name], "a list has both, the newest first");

    // One way-bill under two orders.
    let one = firm.tries(filing(with_way_bill("SBX-SILENT-1", "WB-2"))).await.expect("valid");
    let two = firm.tries(filing(with_way_bill("SBX-SILENT-2", "WB-2"))).await.expect("valid");
    let both = get(&firm.0, "WB-2", Number::Unspecified).await.expect("two have it");
    assert_eq!(both.record, None);
    let names: Vec<_> = both.candidates.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, [two.name.as_str(), &one.name], "newest first");
    let output = sandbox.command(&["get", "WB-2"]);
    assert_eq!(output.status.code(), Some(2));
    let told = super::command_line::shown(&output);
    assert!(told.contains("2 declarations have WB-2") && told.contains("SBX-SILENT-1"), "{told}");
    let withdrawal = v1::WithdrawRequest {
        request_id: uuid::Uuid::now_v7().to_string(),
        name: two.name.clone(),
        version: 1,
        reason: "once too many".into(),
        validate_only: false,
    };
    firm.0.declarations().withdraw(withdrawal).await.expect("it is open");
    assert_eq!(name_of(&firm.0, "WB-2", Number::Unspecified).await, one.name);

    // A new version may have another way-bill.
    let amended = with_way_bill("SBX-SILENT-1", "WB-3");
    firm.amends(&one.name, 1, amended).await.expect("it is open");
    assert_eq!(name_of(&firm.0, "WB-3", Number::LogisticsNo).await, one.name);
}

/// Rows of a table that were read, by an index or not.
async fn rows_read(database: &mut sqlx::PgConnection, table: &str) -> i64 {
    // A process of the server that has nothing to do writes what it counted after ten seconds (its
    // PGSTAT_IDLE_INTERVAL), and nobody else can ask it to.
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    let read = sqlx::query(
        "select idx_tup_fetch + seq_tup_read from pg_stat_user_tables where relid = $1::regclass",
    );
    read.bind(table).fetch_one(database).await.expect("counters").get(0)
}

/// So many others there are.
const ROWS: i64 = 200_000;
/// When the first of them was filed, in milliseconds since 1970; each second one more.
const FIRST: i64 = 1_720_000_000_000;
/// Far above what a look-up by index takes in a debug build (about 4 ms), far below a scan (300 ms).
const BOUND: Duration = Duration::from_millis(60);

#[tokio::test(flavor = "multi_thread")]
async fn looking_up_costs_the_same_among_many() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    let agent = sandbox.connect("agent").await;
    let receipt = firm.tries(filing(with_way_bill("MANY-1", "WB-MANY-1"))).await.expect("valid");
    let mut database = sandbox.database().await;
    // As the service writes them, with the time of filing in the id; every tenth has the same way-bill.
    let fill = "insert into declaration (slot, id, declarant_code, ebc_code, order_no, cop_no,
             logistics_no, direction, trade_mode, customs_code, pre_no, invt_no, filed_time, version,
             round, phase, stands, joint, positions)
         select n % 256, (lpad(to_hex($2 + n * 1000), 12, '0') || '70008000' ||
                 lpad(to_hex(n * 256 + n % 256), 12, '0'))::uuid,
             '37029' || lpad((n % 256)::text, 5, '0'), '37029' || lpad((n % 256)::text, 5, '0'),
             'FILL' || n, 'CFILL' || n, case n % 10 when 0 then 'WB-SHARED' else 'WBFILL' || n end,
             1, '9610', '4220', 'B20261124' || lpad(n::text, 9, '0'),
             '42202026I' || lpad(n::text, 9, '0'), to_timestamp(($2 + n * 1000) / 1000),
             1, 1, 3, '8800', 0, '{1}'
         from generate_series(1, $1::bigint) n";
    sqlx::query(fill).bind(ROWS).bind(FIRST).execute(&mut database).await.expect("rows");
    for more in [
        "insert into customs_number select slot, invt_no, id from declaration where invt_no is not null",
        "insert into release
         select slot, id, ('0190a6e2-0000-7000-8000-' || right(id::text, 12))::uuid, 1, now()
         from declaration where invt_no is not null",
    ] {
        sqlx::query(more).execute(&mut database).await.expect("rows");
    }
    let shared = "insert into outside_number
         select $1, logistics_no, 1, id, declarant_code from declaration where logistics_no = 'WB-SHARED'";
    let slot = domain::Slot::of("WB-SHARED").column();
    sqlx::query(shared).bind(slot).execute(&mut database).await.expect("rows");
    let scans = async |database: &mut sqlx::PgConnection| -> Vec<(String, i64)> {
        // The server counts with a delay.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        // The journal has one row here, which may be read either way.
        let counted = sqlx::query(
            "select relname::text, seq_scan from pg_stat_user_tables
             where schemaname = 'declaration'
               and relname in ('declaration', 'customs_number', 'release')
             order by relname",
        );
        let rows = counted.fetch_all(database).await.expect("counters");
        rows.into_iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    // The planner's figures may be there or not: it has to find its way without them too.
    for analyzed in [false, true] {
        if analyzed {
            sqlx::query("analyze declaration, customs_number, release")
                .execute(&mut database)
                .await
                .expect("figures");
        }
        let before = scans(&mut database).await;
        for (number, found) in [
            ("MANY-1", true),
            ("CMANY-1", true),
            ("WB-MANY-1", true),
            (receipt.pre_no.as_str(), true),
            (receipt.name.trim_start_matches("declarations/"), true),
            ("42202026I000099999x", false),
            ("NO-SUCH-NUMBER", false),
        ] {
            for caller in [&firm.0, &agent] {
                let mut fastest = Duration::MAX;
                for _ in 0..5 {
                    let start = Instant::now();
                    let got = get(caller, number, Number::Unspecified).await;
                    fastest = fastest.min(start.elapsed());
                    match got {
                        Ok(got) => assert!(found && got.record.is_some(), "{number}"),
                        Err(status) => assert!(!found, "{number}: {status}"),
                    }
                }
                println!("{number}: {fastest:?}, analyzed: {analyzed}");
                assert!(fastest < BOUND, "{number} took {fastest:?}, analyzed: {analyzed}");
            }
        }
        let start = Instant::now();
        let shared = get(&agent, "WB-SHARED", Number::LogisticsNo).await.expect("many have it");
        assert_eq!(shared.candidates.len(), 100, "the newest of 20,000");
        assert!(start.elapsed() < 5 * BOUND, "{:?}", start.elapsed());
        let list = v1::ListRequest { order_no: "FILL77777".into(), ..Default::default() };
        let listed = agent.declarations().list(list).await.expect("a list").into_inner();
        assert_eq!(listed.records.len(), 1);
        let fetched = rows_read(&mut database, "declaration").await;
        for size in [0, 1_000] {
            let start = Instant::now();
            let list = v1::ListRequest { page_size: size, ..Default::default() };
            let listed = agent.declarations().list(list).await.expect("a list").into_inner();
            let took = start.elapsed();
            println!("a page of {}: {took:?}, analyzed: {analyzed}", listed.records.len());
            assert_eq!(listed.records.len(), if size == 0 { 50 } else { 1_000 });
            assert!(took < 5 * BOUND, "{took:?}");
        }
        let after_pages = rows_read(&mut database, "declaration").await;
        let fetched = after_pages - fetched;
        println!("rows read for both: {fetched}");
        assert!(fetched < 12_000, "of 256 slots a page has few of each: {fetched} rows were read");
        // Nor is what was filed before or after a time in the past read.
        let at = |second: i64| Some(proto::Timestamp { seconds: FIRST / 1_000 + second, nanos: 0 });
        for state in [State::Unspecified, State::Released, State::Inspecting] {
            let start = Instant::now();
            let list = v1::ListRequest {
                page_size: 1_000,
                state: state.into(),
                filed_from_time: at(50_000),
                filed_until_time: at(50_300),
                ..Default::default()
            };
            let listed = agent.declarations().list(list).await.expect("a list").into_inner();
            let took = start.elapsed();
            println!("five minutes of the past: {took:?}, analyzed: {analyzed}");
            let expected = if state == State::Inspecting { 0 } else { 300 };
            assert_eq!(listed.records.len(), expected, "{state:?}");
            assert!(took < 5 * BOUND, "{took:?}");
        }
        let fetched = rows_read(&mut database, "declaration").await - after_pages;
        println!("rows read for three lists of a time: {fetched}");
        assert!(fetched < 2_500, "{fetched} rows were read of 300");
        // A few of before are counted late; a scan for each look-up would be a hundred.
        let after = scans(&mut database).await;
        let more = before.iter().zip(&after).map(|((_, before), (_, after))| after - before);
        assert!(more.max() < Some(10), "a table is read whole: {before:?}, {after:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_a_time_read_what_was_filed_then() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let admin = sandbox.connect("admin").await;
    let mut database = sandbox.database().await;
    // As the service writes them: each was released an hour after it was filed.
    let fill =
        "insert into inspection.consignment (slot, declaration_id, declarant_code, port_code,
             trade_mode, class, version, headings, filed_time, ended, ended_time)
         select n % 256, (lpad(to_hex($2 + n * 1000), 12, '0') || '70008000' ||
                 lpad(to_hex(n * 256 + n % 256), 12, '0'))::uuid,
             '37029' || lpad((n % 256)::text, 5, '0'), '4220', '9610', 2, 1, '{6109}',
             to_timestamp(($2 + n * 1000) / 1000), 1, to_timestamp(($2 + n * 1000) / 1000 + 3600)
         from generate_series(1, $1::bigint) n";
    sqlx::query(fill).bind(ROWS).bind(FIRST).execute(&mut database).await.expect("rows");
    for analyzed in [false, true] {
        if analyzed {
            let figures = sqlx::query("analyze inspection.consignment");
            figures.execute(&mut database).await.expect("figures");
        }
        let before = rows_read(&mut database, "inspection.consignment").await;
        let at = |second: i64| Some(proto::Timestamp { seconds: FIRST / 1_000 + second, nanos: 0 });
        let five_minutes = v1::GetStatisticsRequest {
            filed_from_time: at(50_000),
            filed_until_time: at(50_300),
            ..Default::default()
        };
        let table = admin.inspection().get_statistics(five_minutes).await.expect("it may");
        let all = table.into_inner().rows.remove(0);
        assert_eq!(all.without_inspection.map(|it| it.count), Some(300), "{all:?}");
        let read = rows_read(&mut database, "inspection.consignment").await - before;
        println!("rows read for a table of five minutes: {read}, analyzed: {analyzed}");
        assert!(read < 600, "{read} rows were read of 300, analyzed: {analyzed}");
    }
}
