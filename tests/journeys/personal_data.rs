//! What is told of persons is in clear nowhere: not in tables, files, logs, metrics or refusals.

use std::path::Path;

use proto::ceb::Document;
use proto::v1;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::harness::national::{Erp, import, person};
use crate::harness::people::filing;
use crate::harness::{PATIENCE, Sandbox, eventually, workspace};

const NAME: &str = "金丝雀钱多多";
const TELEPHONE: &str = "13917654321";
const ADDRESS: &str = "山东省青岛市市南区金丝雀路77号";

/// What is looked for.
fn canaries() -> Vec<String> {
    let number = person("37020219870605123");
    [NAME, TELEPHONE, ADDRESS, &number].map(str::to_owned).to_vec()
}

/// An import by the person over gRPC.
fn declared(order_no: &str, number: &str) -> v1::Declaration {
    let example = std::fs::read_to_string(workspace().join("docs/examples/import-9610.json"));
    let example = example.expect("the example is there");
    let mut declaration: v1::Declaration =
        serde_json::from_str(&example).expect("the example fits the schema");
    order_no.clone_into(&mut declaration.order_no);
    declaration.cop_no = format!("C{order_no}");
    declaration.buyer = Some(v1::Buyer {
        id_type: "1".to_owned(),
        id_number: number.to_owned(),
        name: NAME.to_owned(),
        telephone: TELEPHONE.to_owned(),
        consignee_address: ADDRESS.to_owned(),
    });
    declaration
}

/// The same over the national door: every field that is about a person.
fn sent(order_no: &str, number: &str) -> [Document; 4] {
    let mut import = import(order_no).bought_by(number);
    let (order, payment) = (&mut import.order.head, &mut import.payment.head);
    let (waybill, inventory) = (&mut import.waybill.head, &mut import.inventory.head);
    for name in [
        &mut order.buyer_name,
        &mut order.consignee,
        &mut payment.payer_name,
        &mut waybill.consignee,
        &mut inventory.buyer_name,
    ] {
        NAME.clone_into(name);
    }
    for telephone in [
        &mut order.buyer_telephone,
        &mut order.consignee_telephone,
        &mut payment.telephone,
        &mut waybill.consignee_telephone,
        &mut inventory.buyer_telephone,
    ] {
        TELEPHONE.clone_into(telephone);
    }
    for address in [
        &mut order.consignee_address,
        &mut waybill.consignee_address,
        &mut inventory.consignee_address,
    ] {
        ADDRESS.clone_into(address);
    }
    import.all()
}

/// Tables of all services with a row in which one of these stands.
async fn tables_with(database: &mut PgConnection, forms: &[String]) -> Vec<String> {
    let tables = "select format('%I.%I', schemaname, tablename) from pg_tables
                  where schemaname not in ('pg_catalog', 'information_schema')";
    let tables: Vec<String> =
        sqlx::query_scalar(tables).fetch_all(&mut *database).await.expect("the database is there");
    let mut found = Vec::new();
    for table in tables {
        let rows = format!(
            "select count(*) from {table} t
             where exists (select from unnest($1::text[]) as form where strpos(t::text, form) > 0)"
        );
        let rows = sqlx::query_scalar::<_, i64>(AssertSqlSafe(rows)).bind(forms);
        if rows.fetch_one(&mut *database).await.expect("the table is there") > 0 {
            found.push(table);
        }
    }
    found
}

/// How PostgreSQL shows it within bytes.
fn as_bytes(what: &str) -> String {
    what.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Files of a directory, and of those in it, that hold these bytes.
fn files_with(directory: &Path, what: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).expect("it is ours") {
        let path = entry.expect("it is there").path();
        if path.is_dir() {
            files_with(&path, what, found);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).expect("it is ours");
            if bytes.windows(what.len()).any(|window| window == what.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_persons_is_in_clear_nowhere() {
    let mut sandbox = Sandbox::alone(&["--log", "debug"]).await;
    let canaries = canaries();
    let number = canaries.last().expect("there are some").clone();
    let mut declarations = sandbox.connect("enterprise-a").await.declarations();
    let (mut name, mut pre_no) = (String::new(), String::new());
    for order_no in ["SBX-INSPECT-1", "QD-PERSON-1"] {
        let filed = declarations.submit(filing(declared(order_no, &number))).await;
        let filed = filed.expect("it is filed").into_inner();
        (name, pre_no) = (filed.name, filed.pre_no);
    }
    let erp = Erp::of(&sandbox).await;
    let (waiting, whole) = (sent("QDCEB-71", &number), sent("QDCEB-72", &number));
    // Without its way-bill one of them waits, with what is known of it.
    erp.sends(&waiting[..2]).await;
    erp.sends(&waiting[3..]).await;
    for document in whole {
        erp.sends(&[document]).await;
    }
    eventually("all are released", PATIENCE, async || {
        let listed = sandbox.command(&["--as", "admin", "--output", "json", "list"]);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let many = listed.matches("STATE_RELEASED").count();
        if many >= 3 { Ok(()) } else { Err(listed) }
    })
    .await;

    // A refusal does not repeat what it refuses.
    let mut wrong = declared("QD-PERSON-3", &number);
    if let Some(buyer) = &mut wrong.buyer {
        buyer.id_number = format!("{}9", &number[..17]);
        buyer.name = NAME.repeat(20);
        buyer.telephone = format!("{TELEPHONE}\u{202e}");
    }
    let refused = declarations.submit(filing(wrong)).await.expect_err("it breaks rules");
    let refused = format!("{refused:?}");
    for canary in [NAME, TELEPHONE, &number[..17]] {
        assert!(!refused.contains(canary), "{canary} in {refused}");
    }

    // The firm itself reads all of it.
    let get = v1::GetRequest { name, ..Default::default() };
    let read = declarations.get(get).await.expect("it is there").into_inner();
    let buyer = read.record.and_then(|record| record.declaration).and_then(|it| it.buyer);
    assert_eq!(buyer.expect("it has one").name, NAME);

    let mut database = sandbox.database().await;
    // What is looked for would be found, as text and as bytes.
    let found = tables_with(&mut database, &["QD-PERSON-1".to_owned()]).await;
    assert!(found.contains(&"declaration.declaration".to_owned()), "{found:?}");
    let found = tables_with(&mut database, &[as_bytes(&pre_no)]).await;
    assert!(found.contains(&"declaration.journal".to_owned()), "{found:?}");
    for canary in &canaries {
        let found = tables_with(&mut database, &[canary.clone(), as_bytes(canary)]).await;
        assert!(found.is_empty(), "{canary} is in {found:?}");
    }
    database.close().await.expect("it was open");
    // Everything is on disk, the write-ahead log included.
    sandbox.stop();
    let mut found = Vec::new();
    files_with(sandbox.directory.path(), "QD-PERSON-1", &mut found);
    assert!(found.iter().any(|file| file.contains("pg_wal")), "files are searched: {found:?}");
    for canary in &canaries {
        let mut found = Vec::new();
        files_with(sandbox.directory.path(), canary, &mut found);
        assert!(found.is_empty(), "{canary} is in {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_without_its_data_keys_does_not_start() {
    let mut sandbox = Sandbox::alone(&["--no-agencies"]).await;
    let number = person("37020219870605123");
    let mut declarations = sandbox.connect("enterprise-a").await.declarations();
    let filed = declarations.submit(filing(declared("QD-PERSON-9", &number))).await;
    let name = filed.expect("it is filed").into_inner().name;
    sandbox.stop();
    let keys = sandbox.directory.path().join("data-keys");
    let kept = std::fs::read(&keys).expect("it was made at the first start");
    std::fs::remove_file(&keys).expect("it is ours");
    sandbox.spawn();
    let ended = sandbox.wait().expect("it was started");
    assert!(ended.is_err(), "a window started without the keys of its data");
    let log = std::fs::read_to_string(sandbox.log()).expect("it has a log");
    assert!(log.contains("SW-4010") && log.contains("data-keys"), "{log}");
    assert!(!keys.exists(), "no new key stands in the place of the lost one");
    // A new key may be added: what the old one wrote is still read.
    std::fs::write(&keys, &kept).expect("it is ours");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&keys, private).expect("it is ours");
    let added = sandbox.command(&["add-data-key"]);
    assert!(added.status.success(), "{added:?}");
    let both = std::fs::read(&keys).expect("it is ours");
    assert!(both.starts_with(&kept) && both.len() > kept.len(), "the old key stays");
    sandbox.spawn();
    sandbox.ready().await;
    let mut declarations = sandbox.connect("enterprise-a").await.declarations();
    let get = v1::GetRequest { name, ..Default::default() };
    let read = declarations.get(get).await.expect("it is there").into_inner();
    assert!(read.record.is_some_and(|record| record.declaration.is_some()));
}
