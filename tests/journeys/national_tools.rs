//! The ways into the national door besides gRPC: HTTP, the command line, and the watched folder.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use proto::ceb::{self, Document, MessageType, dxp};
use serde_json::Value;

use super::command_line::{lines, shown};
use crate::harness::http::{Answer, Http};
use crate::harness::national::{DXP, Erp, import, tax_bill};
use crate::harness::{PATIENCE, Sandbox, binary, data_dir, eventually, workspace};

const ANY: &str = "*/*";
const JSON: &str = "application/json";
const XML: &str = "application/xml";

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory takes everything");
    encoder.finish().expect("memory takes everything")
}

/// A message in its transport envelope.
fn envelope(id: &str, message_type: MessageType, message: &str) -> String {
    dxp::write(&dxp::DxpMsg {
        trans_info: dxp::TransInfo {
            cop_msg_id: id.to_owned(),
            sender_id: DXP.to_owned(),
            receiver_ids: vec!["DXPEDCCEB0000002".to_owned()],
            creat_time: "2026-11-24T09:30:01".to_owned(),
            msg_type: message_type.root().to_owned(),
        },
        data: message.as_bytes().to_vec(),
        ..Default::default()
    })
}

/// The line of an element, from 1.
fn line_of(text: &str, element: &str) -> usize {
    let open = format!("<ceb:{element}>");
    1 + text.lines().position(|line| line.contains(&open)).expect("the element is there")
}

/// An order with a currency that is none, and its line.
fn broken(erp: &Erp, order_no: &str) -> (String, usize) {
    let text = erp.message(&[import(order_no).order()]);
    let line = line_of(&text, "currency");
    let wrong = text.replacen("<ceb:currency>142<", "<ceb:currency>yuan<", 1);
    assert_ne!(text, wrong);
    (wrong, line)
}

fn status(document: &Document) -> String {
    document.value("returnStatus").unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_in_over_http_and_its_receipts_are_fetched_one_by_one() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let mut http = Http::connect(&sandbox, "agent").await;
    let parcel = import("QDHTTP-1");

    let plain = http.posts(erp.message(&[parcel.inventory()]), ANY).await;
    assert_eq!(plain.status, 200, "{plain}");
    let receipt = &plain.message().documents[0].document;
    assert_eq!((receipt.message_type(), status(receipt).as_str()), (MessageType::Ceb622, "2"));

    let packed = http.posts(gzip(&erp.message(&[parcel.order()])), ANY).await;
    assert_eq!(packed.status, 200, "{packed}");
    assert_eq!(packed.message().message_type, MessageType::Ceb312);

    let payment = envelope("MSG-1", MessageType::Ceb411, &erp.message(&[parcel.payment()]));
    let wrapped = http.posts(payment, JSON).await;
    assert_eq!(wrapped.status, 200, "{wrapped}");
    let told = wrapped.json();
    assert_eq!(told["envelope_id"], "MSG-1");
    assert_eq!(told["messages"][0]["receipts"][0]["return_status"], 2, "{told}");

    let (wrong, line) = broken(&erp, "QDHTTP-2");
    let refused = http.posts(&wrong, ANY).await;
    assert_eq!(refused.status, 422, "{refused}");
    assert_eq!(refused.message().message_type, MessageType::Ceb900);
    let refused = http.posts(&wrong, "application/json;q=0.9, text/plain").await;
    assert_eq!(refused.status, 422, "{refused}");
    let told = refused.json();
    assert_eq!(told["faults"][0]["line"], line, "{told}");
    assert_eq!(told["faults"][0]["element"], "Order[1]/OrderHead/currency", "{told}");

    let listed = http.gets("/ceb/documents?orderNo=QDHTTP-1", ANY).await;
    assert_eq!(listed.status, 200, "{listed}");
    let documents = listed.json()["documents"].take();
    let documents = documents.as_array().expect("a list");
    assert_eq!(documents.len(), 3, "{documents:#?}");
    let inventory = documents.iter().find(|document| document["message_type"] == 621);
    assert_eq!(inventory.expect("it is kept")["missing"], serde_json::json!(["waybill"]));

    // The last one sets everything going; the log is read like a mailbox.
    http.posts(erp.message(&[parcel.waybill()]), ANY).await;
    let mut read = Vec::new();
    let (mut after, mut inventory) = (0_u64, Vec::new());
    while !read.contains(&MessageType::Ceb816) {
        let target = format!("/ceb/receipts?dxpId={DXP}&after={after}&wait=20");
        let next = http.gets(&target, XML).await;
        assert_eq!(next.status, 200, "{read:?} {next}");
        let position = next.header("sw-position").parse().expect("a position");
        assert!(position > after, "{position} after {after}");
        after = position;
        let message = next.message();
        if message.message_type == MessageType::Ceb622 {
            inventory.push(status(&message.documents[0].document));
        }
        read.push(message.message_type);
    }
    assert_eq!(inventory, ["2", "3", "120", "399", "800", "899"]);
    let none = http.gets(&format!("/ceb/receipts?dxpId={DXP}&after={after}"), XML).await;
    assert_eq!((none.status, none.body.len()), (204, 0), "{none}");
    let page = http.gets(&format!("/ceb/receipts?dxpId={DXP}&limit=1000"), ANY).await.json();
    assert_eq!(page["next_after"], after.to_string());
    let types = page["messages"].as_array().expect("a list").iter();
    let types: Vec<_> = types.map(|message| message["message_type"].as_u64()).collect();
    let same: Vec<_> = read.iter().map(|it| Some(u64::from(it.number()))).collect();
    assert_eq!(types, same);

    // Who waits is answered as soon as there is something.
    let target = format!("/ceb/receipts?dxpId={DXP}&after={after}&wait=20");
    let start = Instant::now();
    let orders = [import("QDHTTP-3").order()];
    // Asked first; an answer before there is something would be another one.
    let (heard, _) = futures::join!(http.gets(&target, JSON), erp.sends(&orders));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let heard = heard.json();
    assert_eq!(heard["messages"][0]["receipts"][0]["key"], "3702960015 QDHTTP-3", "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_everybody_has_the_rights_of_the_certificate() {
    let sandbox = Sandbox::start().await;
    let mut erp = Erp::of(&sandbox).await;
    erp.dxp_id = "DXPENT0000000001".to_owned();
    let sellers = erp.message(&[import("QDHTTP-4").order()]);
    let order = sellers.replace("ebcCode>3702960015<", "ebcCode>3702960001<");
    let code = |answer: &Answer| {
        let body = answer.json();
        let chinese = body["message_zh"].as_str().unwrap_or_default().to_owned();
        assert!(!chinese.is_ascii() && body["message"] != body["message_zh"], "{answer}");
        (answer.status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());

    let mut customs = Http::connect(&sandbox, "customs").await;
    assert_eq!(code(&customs.posts(&order, XML).await), refused(403, "SW-1303"));
    let own = customs.gets("/ceb/receipts?dxpId=CUSTOMS", JSON).await;
    assert_eq!(own.status, 200, "{own}");
    let foreign = customs.gets("/ceb/receipts?dxpId=DXPENT0000000001", JSON).await;
    assert_eq!(code(&foreign), refused(403, "SW-1306"));

    let mut firm = Http::connect(&sandbox, "enterprise-a").await;
    for (target, expected) in [
        ("/ceb/receipts?dxpId=DXPENT0000000002", refused(403, "SW-1306")),
        ("/ceb/receipts?dxpId=DXPENT0000000001&After=1", refused(400, "")),
        ("/ceb/documents?waiting=maybe", refused(400, "")),
        ("/ceb/receipt", refused(404, "")),
        ("/", refused(404, "")),
    ] {
        assert_eq!(code(&firm.gets(target, XML).await), expected, "{target}");
    }
    let wrong = firm.call("PUT", "/ceb", ANY, order.as_bytes()).await;
    assert_eq!((code(&wrong), wrong.header("allow")), (refused(405, ""), "POST"));

    // Nothing that a message says of its sender counts.
    for (from, to, expected) in [
        ("copCode>3702960001<", "copCode>3702960002<", "SW-1305"),
        ("dxpId>DXPENT0000000001<", "dxpId>DXPENT0000000002<", "SW-1306"),
    ] {
        let foreign = order.replace(from, to);
        assert_ne!(foreign, order);
        assert_eq!(code(&firm.posts(foreign, XML).await), refused(403, expected));
    }
    // The message is taken; the document of another seller in it is not.
    let told = firm.posts(&sellers, JSON).await;
    assert_eq!(told.status, 200, "{told}");
    assert_eq!(told.json()["messages"][0]["receipts"][0]["return_status"], -10_102, "{told}");
    let kept = firm.gets("/ceb/documents", ANY).await.json();
    assert_eq!(kept["documents"], serde_json::json!([]), "nothing was kept");
    assert_eq!(firm.posts(&order, XML).await.status, 200);
    let kept = firm.gets("/ceb/documents?orderNo=QDHTTP-4&type=311", ANY).await.json();
    assert_eq!(kept["documents"][0]["key"], "3702960001 QDHTTP-4", "{kept}");
    let mut neighbour = Http::connect(&sandbox, "enterprise-b").await;
    let hidden = neighbour.gets("/ceb/documents?orderNo=QDHTTP-4", ANY).await.json();
    assert_eq!(hidden["documents"], serde_json::json!([]));
}

/// Files of a firm.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(data_dir())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("the directory is ours");
        path
    }
}

fn text_of(output: &std::process::Output, exit: i32) -> String {
    let told = shown(output);
    assert_eq!(output.status.code(), Some(exit), "{told}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_signed_verified_and_sent_from_the_command_line() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let files = Files::new();
    let parcel = import("QDCLI-1");
    let order = files.write("order.xml", erp.message(&[parcel.order()]));
    let payment = files.write("payment.xml.gz", gzip(&erp.message(&[parcel.payment()])));
    let waybill = erp.message(&[parcel.waybill()]);
    let waybill = files.write("w.xml", envelope("MSG-2", MessageType::Ceb511, &waybill));
    let unsigned = files.write("unsigned.xml", erp.unsigned(&[parcel.inventory()]));
    let inventory = files.path("inventory.xml");
    let identities = sandbox.directory.path().join("identities");
    let identity = |name: &str| identities.join(name).display().to_string();
    let (key, cert) = (identity("agent-signer.key"), identity("agent-signer.pem"));
    let ceb = |args: &[&str]| sandbox.command(&[&["ceb"], args].concat());

    let told = text_of(&ceb(&["verify", &unsigned]), 1);
    assert!(told.contains("not signed"), "{told}");
    text_of(&ceb(&["sign", "--key", &key, "--cert", &cert, "-o", &inventory, &unsigned]), 0);
    let told = text_of(&ceb(&["verify", &inventory]), 0);
    assert!(told.contains("inventory.xml: good"), "{told}");
    let output = ceb(&["verify", "--authority", &cert, "--output", "json", &inventory]);
    text_of(&output, 0);
    let seal = &lines(&output)[0];
    assert_eq!(
        (&seal["signature"], &seal["certificate"]["key_type"]),
        (&"good".into(), &"sm2".into())
    );
    let text = std::fs::read_to_string(&inventory).expect("it was written");
    let changed = text.replacen("<ceb:netWeight>0.75<", "<ceb:netWeight>0.76<", 1);
    assert_ne!(text, changed);
    let changed = files.write("changed.xml", changed);
    let told = text_of(&ceb(&["verify", &inventory, &changed]), 1);
    assert!(told.contains("NOT GOOD (-621028)") && told.contains("inventory.xml: good"), "{told}");
    let told = text_of(&ceb(&["send", &changed]), 1);
    assert!(told.contains("-621028"), "{told}");

    // One inventory alone waits for the others.
    text_of(&ceb(&["send", &inventory]), 0);
    let told = text_of(&ceb(&["documents", "--waiting"]), 0);
    assert!(told.contains("QDCLI-1") && told.contains("order, payment, waybill"), "{told}");
    let told = text_of(&ceb(&["documents", "--waiting", "--language", "zh"]), 0);
    assert!(told.contains("支付单"), "{told}");
    let told = text_of(&ceb(&["send", "--wait", "--wait-seconds", "1", &inventory]), 3);
    assert!(told.contains("1 without an end in time"), "{told}");

    let whole = [order.as_str(), &payment, &waybill, &inventory];
    let told = text_of(&ceb(&[&["send", "--wait"], &whole[..]].concat()), 0);
    for expected in ["CEB312", "CEB412", "CEB512", "CEB622", "3702960015 QDCLI-1"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let log = erp.log().await;
    // Again, for a program: the same ends, and no second effect.
    let output = ceb(&[&["send", "--wait", "--output", "json"], &whole[..]].concat());
    text_of(&output, 0);
    let ends: Vec<_> = lines(&output).iter().map(|file| file["documents"][0].clone()).collect();
    assert!(ends.iter().all(|document| document["ended"] == true), "{ends:#?}");
    let statuses: Vec<_> = ends.iter().map(|it| it["receipt"]["return_status"].as_i64()).collect();
    assert_eq!(statuses, [Some(120), Some(120), Some(120), Some(899)]);
    assert_eq!(ends[3]["guid"], parcel.inventory.head.guid);
    assert_eq!(text_of(&ceb(&["documents", "--waiting", "--output", "json"]), 0), "");

    let all = ["receipts", "--dxp-id", DXP];
    let output = ceb(&[&all[..], &["--output", "json"]].concat());
    text_of(&output, 0);
    let position = |told: &Value| told["position"].as_str().and_then(|p| p.parse().ok());
    let told: Vec<Option<u64>> = lines(&output).iter().map(position).collect();
    let expected: Vec<_> = log.iter().map(|message| Some(message.position)).collect();
    assert_eq!(told[..expected.len()], expected[..]);
    let count = |about: &str| log.iter().filter(|message| message.xml.contains(about)).count();
    assert_eq!(count("新增申报成功["), 4, "each was accepted once");
    let told = text_of(&ceb(&all), 0);
    assert!(told.contains("CEB622") && told.contains("899 formalities closed"), "{told}");
    let [.., before, last] = &log[..] else { panic!("a log") };
    let after = before.position.to_string();
    let xml = text_of(&ceb(&[&all[..], &["--xml", "--after", &after]].concat()), 0);
    assert!(xml.starts_with(&last.xml), "{xml}");
    let told =
        text_of(&ceb(&["receipts", "--dxp-id", "DXPENT0000000002", "--as", "enterprise-a"]), 1);
    assert!(told.contains("SW-1306"), "{told}");

    // What breaks the schema is shown with its place, and does not keep the others from being sent.
    let (wrong, line) = broken(&erp, "QDCLI-2");
    let wrong = files.write("wrong.xml", wrong);
    let other = files.write("other.xml", erp.message(&[import("QDCLI-3").order()]));
    let told = text_of(&ceb(&["send", &wrong, &other]), 1);
    let place = format!("{wrong}:{line} Order[1]/OrderHead/currency");
    assert!(told.contains(&place) && told.contains("3702960015 QDCLI-3"), "{place}: {told}");
    let output = ceb(&["send", "--output", "json", &wrong]);
    text_of(&output, 1);
    let violation = &lines(&output)[0]["refusal"]["violations"][0];
    assert_eq!(violation["line"], line, "{violation}");
    assert_eq!(violation["element"], "Order[1]/OrderHead/currency");
}

#[test]
fn messages_are_explained_without_a_window() {
    let nowhere = data_dir();
    let files = Files::new();
    let explain = |args: &[&str]| {
        Command::new(binary())
            .args(["ceb", "explain", "--data-dir"])
            .arg(nowhere.path())
            .args(args)
            .current_dir(workspace())
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts")
    };
    let example = std::fs::read_to_string(workspace().join("docs/examples/ceb/ceb311.xml"));
    let example = example.expect("an example");
    let good = files.write("good.xml.gz", gzip(&example));
    let told = text_of(&explain(&[&good]), 0);
    for expected in ["CEB311", "Order[1]/OrderHead", "buyerIdNumber", "(CNY)", "nothing is wrong"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let told = text_of(&explain(&["--language", "zh", &good]), 0);
    assert!(told.contains("实际支付金额") && told.contains("未发现问题"), "{told}");

    let line = line_of(&example, "goodsValue");
    let wrong = example.replacen("<ceb:goodsValue>527<", "<ceb:goodsValue>52.7.1<", 1);
    let wrong = files.write("wrong.xml", wrong);
    let place = format!("{wrong}:{line} Order[1]/OrderHead/goodsValue");
    for language in ["en", "zh"] {
        let told = text_of(&explain(&["--language", language, "--brief", &good, &wrong]), 1);
        assert!(told.contains(&place), "{place}: {told}");
    }
    let output = explain(&["--output", "json", &wrong]);
    text_of(&output, 1);
    let object = &lines(&output)[0];
    assert_eq!((&object["wrong"], &object["message_type"]), (&true.into(), &311.into()));
    assert_eq!(object["refusal"]["violations"][0]["line"], line, "{object}");
    assert!(object["documents"][1]["fields"].as_array().is_some_and(|it| it.len() > 20));

    let inventory = std::fs::read_to_string(workspace().join("docs/examples/ceb/ceb621.xml"));
    let inventory = inventory.expect("an example");
    let line = line_of(&inventory, "packNo");
    let inventory = inventory.replacen("<ceb:packNo>1<", "<ceb:packNo>2<", 1);
    let inventory = files.write("two.xml", inventory);
    let told = text_of(&explain(&["--brief", &inventory]), 1);
    let place = format!("SW-2016 {inventory}:{line} Inventory[1]/InventoryHead/packNo");
    assert!(told.contains(&place) && told.contains("NOT GOOD"), "{place}: {told}");
}

/// A watcher of a folder, as a process.
struct Watcher(Child);

impl Watcher {
    fn command(sandbox: &Sandbox, folder: &Path) -> Command {
        let mut command = Command::new(binary());
        command.args(["ceb", "watch", "--settle", "200", "--data-dir"]);
        command.arg(sandbox.directory.path()).arg(folder).stdin(Stdio::null());
        command
    }

    fn start(sandbox: &Sandbox, folder: &Path) -> Self {
        let process = Self::command(sandbox, folder).stdout(Stdio::null()).spawn();
        Self(process.expect("the binary starts"))
    }

    fn kill(mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it was killed");
    }

    fn interrupt(mut self) -> ExitStatus {
        let pid = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.expect("it has a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is our child");
        self.0.wait().expect("it ends")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A test that failed leaves it running.
        if let Ok(None) = self.0.try_wait() {
            let _gone = self.0.kill();
            let _gone = self.0.wait();
        }
    }
}

/// Where the receipts of [`DXP`] are written.
const RECEIPTS: &str = "receipts/DXPENT0000000009";

/// The folder that is watched.
struct Folder(tempfile::TempDir);

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).expect("the folder is ours");
    }

    fn text(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Names of files, of those that do not begin with a point.
    fn names(&self, below: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(below)).into_iter().flatten().flatten();
        let files = entries.filter(|entry| entry.path().is_file());
        let names = files.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// Waits until it looks so.
    async fn until(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let folders = ["", "done", "failed", RECEIPTS];
        eventually(what, PATIENCE, async || {
            let names = || folders.map(|folder| (folder, self.names(folder)));
            if is(self) { Ok(()) } else { Err(names()) }
        })
        .await;
    }

    async fn has(&self, name: &str) {
        self.until(name, |folder| folder.path(name).exists()).await;
    }

    /// The receipts by their positions, each once.
    fn receipts(&self) -> BTreeMap<u64, String> {
        let mut receipts = BTreeMap::new();
        for name in self.names(RECEIPTS) {
            let position = name.split('-').next().and_then(|digits| digits.parse().ok());
            let position = position.unwrap_or_else(|| panic!("no position: {name}"));
            let again = receipts.insert(position, self.text(&format!("{RECEIPTS}/{name}")));
            assert!(again.is_none(), "{name} is there twice");
        }
        receipts
    }

    /// Waits until the receipts are those of the log, and compares them.
    async fn has_the_log_of(&self, erp: &Erp) -> usize {
        let log = erp.log().await;
        let log: BTreeMap<u64, String> = log.into_iter().map(|it| (it.position, it.xml)).collect();
        let count = |folder: &Self| folder.names(RECEIPTS).len() >= log.len();
        self.until("the log as files", count).await;
        assert!(self.receipts() == log, "the files are not what the log says");
        log.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_folder_sends_what_is_whole_and_collects_the_receipts() {
    let sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let folder = Folder(data_dir());
    let parcel = import("QDDIR-1");
    let watcher = Watcher::start(&sandbox, folder.0.path());

    // What is not whole is left alone, also after a later file was taken.
    let waybill = erp.message(&[parcel.waybill()]);
    let (half, rest) = waybill.split_at(waybill.find("<ceb:freight>").expect("it has one"));
    folder.put("waybill.xml", half);
    folder.put("mine.xml.tmp", &waybill);
    folder.put("order.xml", erp.message(&[parcel.order()]));
    folder.has("done/order.xml").await;
    assert_eq!(folder.names(""), ["mine.xml.tmp", "waybill.xml"]);
    let mut file = std::fs::OpenOptions::new().append(true).open(folder.path("waybill.xml"));
    let file = file.as_mut().expect("it is still there");
    file.write_all(rest.as_bytes()).expect("the folder is ours");
    folder.has("done/waybill.xml").await;
    assert_eq!(folder.text("done/waybill.xml"), waybill);

    // A name may be used again; nothing is overwritten.
    let payment = erp.message(&[parcel.payment()]);
    let other = erp.message(&[import("QDDIR-2").order()]);
    folder.put("same.xml", &payment);
    folder.has("done/same.xml").await;
    folder.put("same.xml", &other);
    folder.has("done/same-2.xml").await;
    assert_eq!([folder.text("done/same.xml"), folder.text("done/same-2.xml")], [payment, other]);

    let (wrong, line) = broken(&erp, "QDDIR-3");
    folder.put("wrong.xml", &wrong);
    folder.has("failed/wrong.xml").await;
    assert_eq!(folder.text("failed/wrong.xml"), wrong);
    let place = format!("wrong.xml:{line} Order[1]/OrderHead/currency");
    assert!(folder.text("failed/wrong.xml.txt").contains(&place), "{place}");
    let why: Value = serde_json::from_str(&folder.text("failed/wrong.xml.json")).expect("JSON");
    assert_eq!(why["violations"][0]["line"], line, "{why}");
    let answer = ceb::read(folder.text("failed/wrong.xml.CEB900.xml").as_bytes());
    assert_eq!(answer.expect("it is a message").message_type, MessageType::Ceb900);

    // What only customs says is not taken either.
    folder.put("bill.xml", tax_bill());
    folder.has("failed/bill.xml").await;
    assert!(folder.text("failed/bill.xml.txt").contains("SW-3008"));

    let inventory = erp.message(&[parcel.inventory()]);
    let inventory = envelope("MSG-3", MessageType::Ceb621, &inventory);
    folder.put("inventory.xml.gz", gzip(&inventory));
    folder.has("done/inventory.xml.gz").await;
    erp.gets(816, "valueAddedTax", 1).await;
    let count = folder.has_the_log_of(&erp).await;
    assert!(count > 15, "{count}");
    let copy = &parcel.inventory.head.cop_no;
    let about = folder.names(RECEIPTS).into_iter().filter(|name| name.contains(copy.as_str()));
    let about: Vec<_> = about.map(|name| name.split_once('-').map(|it| it.1.to_owned())).collect();
    assert_eq!(about, vec![Some(format!("CEB622-{copy}.xml")); 6]);

    let second = Watcher::command(&sandbox, folder.0.path()).output().expect("the binary starts");
    let told = text_of(&second, 2);
    assert!(told.contains("another `ceb watch` watches"), "{told}");
    assert_eq!(watcher.interrupt().code(), Some(0));
    assert_eq!(folder.names(""), ["mine.xml.tmp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_is_killed_loses_nothing_and_doubles_nothing() {
    const ORDERS: usize = 40;
    let mut sandbox = Sandbox::start().await;
    let erp = Erp::of(&sandbox).await;
    let folder = Folder(data_dir());
    for number in 0..ORDERS {
        let order = import(&format!("QDKILL-{number:02}")).order();
        folder.put(&format!("order-{number:02}.xml"), erp.message(&[order]));
    }
    // In the middle of sending, twice, and with receipts on their way.
    let sent = |folder: &Folder| folder.names("done").len();
    for some in [ORDERS / 4, ORDERS / 2] {
        let watcher = Watcher::start(&sandbox, folder.0.path());
        folder.until("some are sent", |folder| sent(folder) >= some).await;
        watcher.kill();
    }
    assert!(sent(&folder) < ORDERS, "the last one was killed too late to tell anything");
    let watcher = Watcher::start(&sandbox, folder.0.path());
    folder.until("all are sent", |folder| sent(folder) >= ORDERS).await;

    // While it waits for a window that is away.
    sandbox.stop();
    folder.put("late.xml", erp.message(&[import("QDKILL-LATE").order()]));
    folder.has(".work/late.xml").await;
    watcher.kill();
    let watcher = Watcher::start(&sandbox, folder.0.path());
    sandbox.spawn();
    sandbox.ready().await;
    folder.has("done/late.xml").await;

    let numbers = (0..ORDERS).map(|number| format!("{number:02}"));
    let numbers: Vec<_> = numbers.chain(["LATE".to_owned()]).collect();
    let erp = Erp::of(&sandbox).await;
    assert_eq!(folder.has_the_log_of(&erp).await, numbers.len(), "one receipt for each");
    for number in &numbers {
        assert_eq!(erp.statuses(312, &format!("QDKILL-{number}<")).await, [2]);
    }
    assert_eq!(sent(&folder), numbers.len(), "{:?}", folder.names("done"));
    assert!(folder.names("").is_empty() && folder.names("failed").is_empty());
    assert_eq!(watcher.interrupt().code(), Some(0));
}
