//! The binary as people and scripts use it: real messages, exit codes, clear errors at start.

use std::process::{Command, Stdio};

use crate::harness::{Sandbox, binary, data_dir, workspace};

pub(super) fn lines(output: &std::process::Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}\n{text}")))
        .collect()
}

pub(super) fn shown(output: &std::process::Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_national_message_has_one_door() {
    let sandbox = Sandbox::start().await;
    let message = |kind: u16| format!("docs/examples/ceb/ceb{kind}.xml");
    let set = [311, 411, 511, 621].map(message);
    let [order, .., inventory] = &set;

    // What is told of the JSON comes first, then the receipts.
    let declaration = "docs/examples/import-9610.json";
    let mut args = vec!["submit", "--wait", "--output", "json"];
    args.extend(set.iter().map(String::as_str));
    args.push(declaration);
    let output = sandbox.command(&args);
    assert!(output.status.success(), "{}", shown(&output));
    let told = lines(&output);
    assert_eq!(told.len(), 5, "{}", shown(&output));
    assert_eq!((&told[0]["file"], &told[0]["state"]), (&declaration.into(), &RELEASED.into()));
    for (line, file) in told[1..].iter().zip(&set) {
        assert_eq!(line["file"], file.as_str(), "{line}");
        assert_eq!(line["documents"][0]["ended"], true, "{line}");
    }
    assert_eq!(told[4]["documents"][0]["receipt"]["return_status"], 899, "{}", told[4]);

    // The same door, so the same answer to a repetition.
    let answers = ["submit", "ceb send"].map(|command| {
        let words = command.split(' ').chain(["--output", "json", order]);
        let output = sandbox.command(&words.collect::<Vec<_>>());
        assert!(output.status.success(), "{}", shown(&output));
        let document = &lines(&output)[0]["documents"][0];
        (document["guid"].clone(), document["receipt"]["return_status"].clone())
    });
    assert_eq!(answers[0], answers[1]);

    // It is no new version of a declaration, and a check asks no window.
    let name = told[0]["name"].as_str().expect("a name");
    let output = sandbox.command(&["amend", name, inventory]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let refused = shown(&output);
    assert!(refused.contains("SW-3008") && refused.contains("ceb send"), "{refused}");
    let checked = sandbox.command(&["submit", "--check", inventory]);
    let explained = sandbox.command(&["ceb", "explain", "--brief", inventory]);
    assert!(checked.status.success(), "{}", shown(&checked));
    assert_eq!(shown(&checked), shown(&explained));
}

const RELEASED: &str = "STATE_RELEASED";

#[tokio::test(flavor = "multi_thread")]
async fn our_own_examples_go_in_and_come_out_released() {
    let sandbox = Sandbox::start().await;
    let mut files: Vec<String> = std::fs::read_dir(workspace().join("docs/examples"))
        .expect("there are examples")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_file())
        .map(|path| path.display().to_string())
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    let mut args = vec!["submit", "--wait", "--output", "json"];
    args.extend(files.iter().map(String::as_str));
    let output = sandbox.command(&args);
    assert!(output.status.success(), "{}", shown(&output));
    assert!(
        lines(&output).iter().all(|line| line["state"] == "STATE_RELEASED"),
        "{}",
        shown(&output)
    );
    // Again: the same requests, the same receipts.
    let again = sandbox.command(&args);
    let names = |output: &std::process::Output| -> Vec<String> {
        lines(output).iter().map(|line| line["name"].to_string()).collect()
    };
    assert_eq!(names(&again), names(&output));

    let name = lines(&output)[0]["name"].as_str().expect("a name").to_owned();
    for (args, expected) in [
        (vec!["get", name.as_str()], "RELEASED"),
        (vec!["list", "--state", "released"], "9610"),
        (vec!["get", &name, "--language", "zh"], "放行"),
        (vec!["get", &name, "--output", "json"], "STATE_RELEASED"),
        (vec!["watch", &name, "--until-end"], "RELEASED"),
    ] {
        let output = sandbox.command(&args);
        assert!(output.status.success(), "{args:?}: {}", shown(&output));
        let told = String::from_utf8_lossy(&output.stdout).to_lowercase();
        assert!(told.contains(&expected.to_lowercase()), "{args:?}: {told}");
    }
    let output = sandbox.command(&["withdraw", &name, "--reason", "too late"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown(&output).contains("SW-1203"), "{}", shown(&output));
    let output = sandbox.command(&["get", &format!("{}0", uuid::Uuid::now_v7())]);
    assert_ne!(output.status.code(), Some(0));
    for args in [vec!["withdraw", "", "--reason", "unset"], vec!["get", ""]] {
        let output = sandbox.command(&args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", shown(&output));
    }
    let output = sandbox.command(&["submit", "--as", "admin", &files[0]]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let output = sandbox.command(&["get", &uuid::Uuid::now_v7().to_string()]);
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_files_are_refused_with_place_and_reason() {
    let sandbox = Sandbox::start().await;
    let import = workspace().join("docs/examples/ceb/ceb621.xml");
    let good = std::fs::read_to_string(import).expect("an example");
    let json = std::fs::read_to_string(workspace().join("docs/examples/export-9810.json"));
    let json = json.expect("an example");
    let gbk = good.replace("encoding=\"UTF-8\"", "encoding=\"GBK\"");
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("cut.xml", good.as_bytes()[..good.len() / 2].to_vec(), "SW-3001"),
        ("gbk.xml", gbk.into_bytes(), "SW-3002"),
        ("large.xml", vec![b'<'; 9 * 1024 * 1024], "SW-3003"),
        ("dtd.xml", good.replacen('\n', "\n<!DOCTYPE x>\n", 1).into_bytes(), "SW-3004"),
        ("price.xml", swap(&good, "totalPrice", "9999.99"), "SW-2009"),
        ("mode.xml", swap(&good, "tradeMode", "9710"), "SW-2007"),
        (
            "field.json",
            json.replacen("\"trade_mode\"", "\"trade_mood\"", 1).into_bytes(),
            "SW-3011",
        ),
        ("cut.json", json.as_bytes()[..json.len() - 20].to_vec(), "SW-3011"),
    ];
    for (name, bytes, code) in cases {
        let file = sandbox.directory.path().join(name);
        std::fs::write(&file, bytes).expect("the directory is ours");
        // A document that breaks a rule is answered by a receipt; a check refuses it before.
        let ways = [&["submit"][..], &["submit", "--check"]];
        let ways = match code {
            "SW-2009" | "SW-2007" => &ways[1..],
            "SW-3003" => &ways[..1],
            _ => &ways[..],
        };
        for way in ways {
            let output = {
                let file = file.display().to_string();
                sandbox.command(&[*way, &[file.as_str()]].concat())
            };
            let told = shown(&output);
            assert_eq!(output.status.code(), Some(1), "{way:?} {name}: {told}");
            assert!(told.contains(code) && told.contains(name), "{way:?} {name}: {code} in {told}");
        }
    }
    let output = sandbox.command(&["submit", "no-such-file.xml"]);
    assert!(shown(&output).contains("no-such-file.xml"), "{}", shown(&output));
    assert_ne!(output.status.code(), Some(0));
    let output = sandbox.command(&["list", "--output", "json"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing was kept");
}

/// The message with the first element of this name holding something else.
fn swap(message: &str, element: &str, value: &str) -> Vec<u8> {
    let open = format!("{element}>");
    let start = message.find(&open).expect("the element is there") + open.len();
    let end = start + message[start..].find("</").expect("it ends");
    format!("{}{value}{}", &message[..start], &message[end..]).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_at_start_is_said_in_words() {
    let sandbox = Sandbox::alone(&[]).await;
    let start = |directory: &std::path::Path, args: &[&str]| {
        let output = Command::new(binary())
            .args(["sandbox", "--quiet", "--data-dir"])
            .arg(directory)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        assert!(!output.status.success(), "{}", shown(&output));
        shown(&output)
    };
    let told = start(sandbox.directory.path(), &["--listen", "127.0.0.1:0"]);
    assert!(told.contains("SW-4001") && told.contains("in use"), "{told}");
    let address = sandbox.config("admin").address.replace("localhost", "127.0.0.1");
    let other = data_dir();
    let told = start(other.path(), &["--listen", &address]);
    assert!(told.contains("SW-4002") && told.contains("--listen"), "{told}");
    let told = start(other.path(), &["--listen", "127.0.0.1:0", "--pg-bin", "/nowhere"]);
    assert!(told.contains("SW-4003") && told.contains("apt install"), "{told}");
    let url = "postgres://nobody@127.0.0.1:1/none";
    let told = start(other.path(), &["--listen", "127.0.0.1:0", "--database-url", url]);
    assert!(told.contains("SW-4005"), "{told}");

    let nowhere = data_dir();
    let list = |args: &[&str]| {
        let output = Command::new(binary())
            .args(["list", "--data-dir"])
            .arg(nowhere.path())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        (output.status.code(), shown(&output))
    };
    let (status, told) = list(&[]);
    assert_eq!(status, Some(2), "{told}");
    assert!(told.contains("single-window sandbox"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_would_lose_data_is_refused() {
    use sqlx::Connection as _;
    let sandbox = Sandbox::alone(&[]).await;
    let mut database = sandbox.database().await;
    sqlx::raw_sql("alter role single_window set synchronous_commit = off")
        .execute(&mut database)
        .await
        .expect("the role is ours");
    database.close().await.expect("it was open");
    let socket = sandbox.directory.path().join("run").display().to_string().replace('/', "%2F");
    let url = format!("postgres://single_window@{socket}/single_window");
    let output = Command::new(binary())
        .args(["migrate", "--database-url", &url])
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts");
    let told = shown(&output);
    assert!(!output.status.success());
    assert!(told.contains("SW-4004") && told.contains("synchronous_commit"), "{told}");
}
