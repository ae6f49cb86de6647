//! Firms' systems that walk through the scenarios of `certify`: good ones, which pass all of them, and bad ones, each
//! of which fails exactly what it does wrong.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use proto::v1;
use proto::v1::declaration_service_client::DeclarationServiceClient;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::harness::national::{DXP, Erp, guid, import};
use crate::harness::people::export;
use crate::harness::{PATIENCE, Sandbox, binary, workspace};

/// What a system does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Nothing.
    Good,
    /// Where no answer comes it makes a new request id (guid).
    NewIdAfterLoss,
    /// It gives up where no answer comes.
    GivesUp,
    /// It comes again at once, whatever Retry-After says.
    InAHurry,
    /// It waits three seconds for an answer, and then files something new.
    Impatient,
    /// It reads the first violation only.
    CorrectsOne,
    /// It files and never looks again.
    NeverLooks,
    /// It makes a new request id for every request.
    NewIdAlways,
    /// It files again what it should amend.
    FilesForAmend,
}

/// A firm's system that speaks JSON and national messages over HTTP.
struct FirmSystem {
    address: String,
    habit: Habit,
    erp: Erp,
}

/// What came back; nothing when the connection was cut.
struct HttpAnswer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl HttpAnswer {
    fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn retry_after(&self) -> Option<Duration> {
        let line = self.head.lines().find_map(|line| line.strip_prefix("retry-after: "))?;
        Some(Duration::from_secs(line.trim().parse().expect("seconds")))
    }
}

impl FirmSystem {
    async fn call(&self, method: &str, path: &str, id: &str, body: &str) -> Option<HttpAnswer> {
        let Ok(mut stream) = TcpStream::connect(&self.address).await else {
            // The command has seen enough, and ends before this system does.
            return std::future::pending().await;
        };
        let key = if id.is_empty() { String::new() } else { format!("Idempotency-Key: {id}\r\n") };
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{key}\
             Accept: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        // A connection that was cut tells it at either step.
        stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await.ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok()?;
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
        let body = bytes[end + 4..].to_vec();
        let is_in_pieces = head.contains("transfer-encoding: chunked");
        let body = if is_in_pieces { whole(&body) } else { body };
        Some(HttpAnswer { status, head, body })
    }

    /// Sends until there is an answer that is one, as this system does it.
    async fn sends(&self, path: &str, mut id: String, body: &str) -> Option<HttpAnswer> {
        for _ in 0..20 {
            let sent = self.call("POST", path, &id, body);
            let answer = if self.habit == Habit::Impatient {
                match tokio::time::timeout(Duration::from_secs(3), sent).await {
                    Ok(answer) => answer,
                    Err(_) => {
                        id = Uuid::now_v7().to_string();
                        continue;
                    }
                }
            } else {
                sent.await
            };
            match answer {
                None if self.habit == Habit::GivesUp => return None,
                None => {
                    if self.habit == Habit::NewIdAfterLoss {
                        id = Uuid::now_v7().to_string();
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                Some(answer) => match answer.retry_after() {
                    Some(_) if self.habit == Habit::InAHurry => {}
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Some(answer),
                },
            }
        }
        panic!("{path} never gets an answer");
    }

    async fn files(&self, declaration: &v1::Declaration) -> Option<HttpAnswer> {
        let body = json!({ "declaration": declaration }).to_string();
        self.sends("/v1/declarations", Uuid::now_v7().to_string(), &body).await
    }

    /// Reads a declaration until it is so.
    async fn follows(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let until = async {
            loop {
                let answer = self.call("GET", &format!("/v1/{name}"), "", "").await;
                let Some(answer) = answer else {
                    // Reading has no fault: it was cut by the end of the command.
                    return std::future::pending().await;
                };
                let record = answer.json()["record"].take();
                if is(&record) {
                    return record;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, until).await.expect("it becomes so")
    }

    /// Does what a scenario says.
    async fn does(&self, number: u64, order_no: &str) {
        let declaration = export(order_no);
        let is_released = |record: &Value| record["state"] == "STATE_RELEASED";
        let name = |filed: Option<HttpAnswer>| {
            filed.and_then(|it| it.json()["name"].as_str().map(str::to_owned))
        };
        match number {
            1 | 8 => {
                let name = name(self.files(&declaration).await).expect("it is taken");
                if self.habit != Habit::NeverLooks {
                    self.follows(&name, is_released).await;
                }
            }
            2 => {
                let mut faulty = declaration.clone();
                faulty.trade_mode.clear();
                "12".clone_into(&mut faulty.lines[0].gcode);
                let refused = self.files(&faulty).await.expect("an answer");
                let rules = refused.json()["violations"].as_array().map_or(0, Vec::len);
                assert_eq!((refused.status, rules > 1), (400, true), "{}", refused.json());
                if self.habit == Habit::CorrectsOne {
                    faulty.trade_mode = declaration.trade_mode.clone();
                    self.files(&faulty).await;
                }
                self.files(&declaration).await;
            }
            3 => {
                let mut id = Uuid::now_v7().to_string();
                let body = json!({ "declaration": declaration }).to_string();
                let first = name(self.sends("/v1/declarations", id.clone(), &body).await);
                if self.habit == Habit::NewIdAlways {
                    id = Uuid::now_v7().to_string();
                }
                let second = name(self.sends("/v1/declarations", id, &body).await);
                assert_eq!(first == second, self.habit != Habit::NewIdAlways);
            }
            9 => {
                let name = name(self.files(&declaration).await).expect("it is taken");
                let is_held = |record: &Value| record["customs"] == "STAND_HELD";
                let record = self.follows(&name, is_held).await;
                let mut more = declaration.clone();
                "补充发票".clone_into(&mut more.note);
                if self.habit == Habit::FilesForAmend {
                    self.files(&more).await;
                    return;
                }
                let body = json!({ "version": record["version"], "declaration": more });
                let path = format!("/v1/{name}:amend");
                let id = Uuid::now_v7().to_string();
                let amended = self.sends(&path, id, &body.to_string()).await.expect("an answer");
                assert_eq!(amended.status, 200, "{}", amended.json());
                self.follows(&name, is_released).await;
            }
            10 => {
                let is_rejected = |record: &Value| record["state"] == "STATE_REJECTED";
                for _ in 0..2 {
                    let name = name(self.files(&declaration).await).expect("it is taken");
                    self.follows(&name, is_rejected).await;
                }
            }
            11..=13 => self.sends_set(number, order_no).await,
            _ => {
                self.files(&declaration).await;
            }
        }
    }

    async fn sends_set(&self, number: u64, order_no: &str) {
        let mut set = import(order_no);
        let [order, payment, waybill, inventory] = set.all();
        for document in [order, payment, waybill] {
            let message = self.erp.message(&[document]);
            self.sends("/ceb", String::new(), &message).await.expect("an answer");
        }
        let message = self.erp.message(&[inventory]);
        if self.habit == Habit::NewIdAfterLoss {
            while self.call("POST", "/ceb", "", &message_of(&self.erp, &mut set)).await.is_none() {}
            return;
        }
        self.sends("/ceb", String::new(), &message).await;
        if number == 11 {
            let path = format!("/ceb/receipts?dxpId={DXP}&orderNo={order_no}");
            let until = async {
                loop {
                    let answer = self.call("GET", &path, "", "").await.expect("an answer");
                    let answer = answer.json().to_string();
                    if answer.contains(r#""return_status":800"#) {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(PATIENCE, until).await.expect("it is released");
            self.sends("/ceb", String::new(), &message).await;
        }
    }
}

/// The inventory under a new guid.
fn message_of(erp: &Erp, set: &mut crate::harness::national::Import) -> String {
    set.inventory.head.guid = guid();
    erp.message(&[set.inventory()])
}

/// A body that came in pieces.
fn whole(mut pieces: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = pieces.windows(2).position(|it| it == b"\r\n") {
        let length = std::str::from_utf8(&pieces[..end]).expect("digits");
        let length = usize::from_str_radix(length, 16).expect("a length");
        body.extend_from_slice(&pieces[end + 2..end + 2 + length]);
        pieces = &pieces[end + 2 + length + 2..];
    }
    body
}

/// What a run of the command said.
struct Walk {
    code: i32,
    /// Verdicts by number.
    verdicts: BTreeMap<u64, String>,
    /// What failed, by number.
    failed: BTreeMap<u64, Vec<String>>,
    report: String,
    json: Value,
}

/// Runs the command, and lets a system do what it says.
async fn walk(sandbox: &Sandbox, args: &[&str], system: impl AsyncFn(String, u64, String)) -> Walk {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.md");
    let mut command = tokio::process::Command::new(binary());
    command.args(["certify", "--output", "json", "--listen", "127.0.0.1:0"]).args(args);
    command.arg("--report").arg(&report).arg("--data-dir").arg(sandbox.directory.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().expect("the binary starts");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let (mut address, mut verdicts, mut failed) = (String::new(), BTreeMap::new(), BTreeMap::new());
    let walked = async {
        let mut work = futures::stream::FuturesUnordered::new();
        loop {
            use futures::StreamExt as _;
            let line = tokio::select! {
                line = said.next_line() => line.expect("the command speaks"),
                // A system may be done before its scenario is, and later.
                Some(()) = work.next() => continue,
            };
            let Some(line) = line else { break };
            let event: Value = serde_json::from_str(&line).expect("JSON");
            let text = |name: &str| event[name].as_str().expect("a text").to_owned();
            match event["event"].as_str() {
                Some("listening") => {
                    text("address").strip_prefix("http://").expect("HTTP").clone_into(&mut address);
                }
                Some("started") => {
                    let number = event["number"].as_u64().expect("a number");
                    work.push(system(address.clone(), number, text("order_no")));
                }
                Some("ended") => {
                    let number = event["number"].as_u64().expect("a number");
                    let checks = event["checks"].as_array().expect("checks").iter();
                    let wrong = checks.filter(|check| check["state"] != "passed");
                    failed.insert(number, wrong.map(Value::to_string).collect::<Vec<_>>());
                    verdicts.insert(number, text("verdict"));
                }
                _ => {}
            }
        }
        child.wait().await.expect("it is our child")
    };
    let ended = tokio::time::timeout(Duration::from_secs(240), walked).await;
    let code = ended.expect("the command ends").code().expect("it was not killed");
    let read = |path: &Path| std::fs::read_to_string(path).expect("the report is there");
    let json = serde_json::from_str(&read(&report.with_extension("json"))).expect("JSON");
    Walk { code, verdicts, failed, report: read(&report), json }
}

/// Runs the command with a system that has this habit.
async fn walk_with(sandbox: &Sandbox, args: &[&str], habit: Habit) -> Walk {
    walk(sandbox, args, async |address, number, order_no: String| {
        let erp = Erp::of(sandbox).await;
        FirmSystem { address, habit, erp }.does(number, &order_no).await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_system_passes_every_scenario() {
    let sandbox = Sandbox::start().await;
    let walked = walk_with(&sandbox, &[], Habit::Good).await;
    let numbers: Vec<_> = walked.verdicts.keys().copied().collect();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    assert!(walked.verdicts.values().all(|it| it == "passed"), "{:#?}", walked.failed);
    assert_eq!((walked.code, &walked.json["passed"]), (0, &Value::Bool(true)));
    assert!(walked.report.contains("10 passed, 0 failed, 3 not run"), "{}", walked.report);

    let walked =
        walk_with(&sandbox, &["--door", "national", "--language", "zh"], Habit::Good).await;
    assert!(walked.verdicts.values().all(|it| it == "passed"), "{:#?}", walked.failed);
    assert_eq!((walked.code, walked.verdicts.len()), (0, 3));
    assert!(walked.report.contains("通过3，未通过0，未进行10"), "{}", walked.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_speaks_grpc_passes_as_well() {
    let sandbox = Sandbox::start().await;
    let walked = walk(&sandbox, &["--only", "1,4,5,6,7,8,9"], async |address, number, order_no| {
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
        let channel = channel.connect_lazy();
        let calls = || DeclarationServiceClient::new(channel.clone());
        let declaration = export(&order_no);
        let request = v1::SubmitRequest {
            request_id: Uuid::now_v7().to_string(),
            declaration: Some(declaration.clone()),
            ..Default::default()
        };
        // As every client of ours: the same request until there is an answer.
        let filed = client::repeat(async || calls().submit(request.clone()).await).await;
        let filed = filed.expect("it is taken").into_inner();
        if number == 9 {
            let mut more = declaration.clone();
            "补充发票".clone_into(&mut more.note);
            let request = v1::AmendRequest {
                request_id: Uuid::now_v7().to_string(),
                name: filed.name.clone(),
                version: 1,
                declaration: Some(more),
                validate_only: false,
            };
            let amended = client::repeat(async || calls().amend(request.clone()).await).await;
            amended.expect("it may be amended");
        }
        let request = v1::WatchRequest { name: filed.name.clone(), ..Default::default() };
        let mut news = calls().watch(request).await.expect("its own").into_inner();
        let until = async {
            while let Some(told) = news.message().await.expect("it goes on") {
                if told.state() == v1::State::Released {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, until).await.expect("it is released");
    })
    .await;
    assert!(walked.verdicts.values().all(|it| it == "passed"), "{:#?}", walked.failed);
    assert_eq!((walked.code, walked.verdicts.len()), (0, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_system_fails_what_it_does_wrong_and_nothing_else() {
    let sandbox = Sandbox::start().await;
    // The same scenarios as files of one's own, in which nothing is waited for as long as for people.
    let folder = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(workspace().join("services/cli/scenarios")).expect("scenarios") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text").replace("slow = 8", "slow = 6");
        let lines = text.lines().map(|line| match line.starts_with("within-seconds") {
            true => "within-seconds = 30",
            false => line,
        });
        let text: Vec<_> = lines.collect();
        let name = path.file_name().expect("a name");
        std::fs::write(folder.path().join(name), text.join("\n")).expect("it is ours");
    }
    let (sandbox, folder) = (&sandbox, folder.path().to_str().expect("a path"));
    let walks = [
        (Habit::NewIdAfterLoss, "1,4,6", &[4][..], "request id"),
        (Habit::NewIdAfterLoss, "5,12", &[5, 12][..], "request id"),
        (Habit::GivesUp, "3,4", &[4][..], "it came once"),
        (Habit::InAHurry, "4,6,13", &[6, 13][..], "came again after"),
        (Habit::Impatient, "3,7", &[7][..], "request id"),
        (Habit::CorrectsOne, "1,2", &[2][..], "SW-1001"),
        (Habit::NeverLooks, "3,8", &[8][..], "did not read"),
        (Habit::NewIdAlways, "1,3", &[3][..], "request id"),
        (Habit::FilesForAmend, "9,10", &[9][..], "version 1"),
    ]
    .map(|(habit, only, wrong, says)| async move {
        let walked = walk_with(sandbox, &["--scenarios", folder, "--only", only], habit).await;
        let failed = walked.verdicts.iter().filter(|(_, it)| *it != "passed");
        let failed: Vec<_> = failed.map(|(number, _)| *number).collect();
        assert_eq!((walked.code, &failed[..]), (1, wrong), "{habit:?}: {:#?}", walked.failed);
        let told = walked.failed[&wrong[0]].join("\n");
        assert!(told.contains(says), "{habit:?}: {told}");
        let checks = walked.json["scenarios"].to_string();
        assert!(walked.report.contains("✗") && checks.contains("advice"), "{}", walked.report);
        walked.verdicts.len()
    });
    // Few at once: each has to be done in its time on a machine that does other things as well.
    let walked = stream::iter(walks).buffered(3).collect::<Vec<_>>().await;
    assert_eq!(walked, [3, 2, 2, 3, 2, 2, 2, 2, 2], "every scenario had a verdict");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_begun_that_cannot_be_done() {
    let sandbox = Sandbox::start().await;
    let said = |args: &[&str]| {
        let output = sandbox.command(&[&["certify"][..], args].concat());
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).expect("text"))
    };
    let (code, listed) = said(&["--list"]);
    assert_eq!((code, listed.lines().count()), (Some(0), 13), "{listed}");
    let (code, told) = said(&["--only", "99"]);
    assert_eq!((code, told.contains("there is no scenario 99")), (Some(2), true), "{told}");
    let report = sandbox.directory.path().join("certify.md");
    let report = report.to_str().expect("a path");
    let (code, told) = said(&["--listen", "0.0.0.0:0", "--report", report]);
    assert_eq!((code, told.contains("of this machine")), (Some(2), true), "{told}");
    let (code, told) = said(&["--report", "/nowhere/at/all.md"]);
    assert_eq!((code, told.contains("/nowhere/at/all.md")), (Some(2), true), "{told}");
    let (code, told) = said(&["--scenarios", "docs", "--list"]);
    assert_eq!((code, told.contains("no scenario")), (Some(2), true), "{told}");
}
