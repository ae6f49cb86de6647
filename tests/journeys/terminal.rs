//! The command line as people use it: at a terminal, in a pipe, with files of any length.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::command_line::{lines, shown};
use crate::harness::people::{Enterprise, export};
use crate::harness::{PATIENCE, Sandbox, binary, data_dir, eventually, workspace};

/// Runs a command that needs no sandbox.
fn alone(args: &[&str], directory: &Path) -> Output {
    Command::new(binary())
        .args(args)
        .arg("--data-dir")
        .arg(directory)
        .current_dir(workspace())
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

/// Starts a command and leaves it running.
fn spawn(sandbox: &Sandbox, args: &[&str]) -> Child {
    Command::new(binary())
        .args(args)
        .arg("--data-dir")
        .arg(sandbox.directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// Waits for the end of a command.
async fn ended(mut child: Child) -> Option<i32> {
    let wait = async || child.try_wait().expect("it is our child").ok_or("it runs");
    eventually("the command ends", PATIENCE, wait).await.code()
}

fn json(order_no: &str) -> String {
    serde_json::to_string(&export(order_no)).expect("the schema is JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_is_told_from_a_new_filing() {
    let sandbox = Sandbox::start().await;
    let submit = |more: &[&str]| {
        sandbox.command(&[&["submit", "docs/examples/import-9610.json"][..], more].concat())
    };
    let (first, again) = (shown(&submit(&[])), shown(&submit(&[])));
    assert!(first.contains("1 filed") && !first.contains("before"), "{first}");
    assert!(again.contains("1 filed before"), "{again}");
    assert!(shown(&submit(&["--language", "zh"])).contains("1 此前已申报"));
    assert!(shown(&submit(&["--check"])).contains("1 correct, filed before"));
    let row = &lines(&submit(&["--output", "json"]))[0];
    assert_eq!((&row["status"], &row["repeated"]), (&"filed".into(), &true.into()));
    let other = sandbox.command(&["submit", "docs/examples/export-9810.json", "--output", "json"]);
    assert_eq!(lines(&other)[0]["repeated"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_there_is_a_usage_error_and_nothing_is_done() {
    let nowhere = data_dir();
    let there = "docs/examples/import-9610.json";
    for (args, name) in [
        (vec!["submit", there, "no-such-file.xml"], "no-such-file.xml"),
        (vec!["submit", "docs"], "docs is a directory"),
        (vec!["amend", "QD20261124-0006", "no-such-file.json"], "no-such-file.json"),
    ] {
        let output = alone(&args, nowhere.path());
        let told = shown(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(told.contains("SW-4007") && told.contains(name), "{args:?}: {told}");
    }
    let told = alone(&["submit", "nofile", "--output", "json"], nowhere.path());
    assert_eq!(lines(&told)[0]["refusal"]["code"], "SW-4007");
    let sandbox = Sandbox::start().await;
    let output = sandbox.command(&["submit", there, "no-such-file.xml"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(sandbox.command(&["list", "--output", "json"]).stdout.is_empty(), "nothing was filed");
}

#[test]
fn help_and_connection_errors_are_chinese_when_asked_for() {
    let nowhere = data_dir();
    for args in [
        &["--language", "zh", "--help"][..],
        &["submit", "--help", "--language", "zh"],
        &["inspect", "-h", "--language=zh"],
    ] {
        let output = Command::new(binary()).args(args).output().expect("the binary starts");
        let told = shown(&output);
        assert!(output.status.success(), "{args:?}: {told}");
        assert!(told.contains("用法：") && !told.contains("Usage"), "{args:?}: {told}");
    }
    let by_environment = Command::new(binary())
        .args(["get"])
        .env("SW_LANGUAGE", "zh")
        .output()
        .expect("the binary starts");
    assert_eq!(by_environment.status.code(), Some(2));
    assert!(shown(&by_environment).contains("错误：缺少必需的参数"));

    let output = alone(&["list", "--language", "zh"], nowhere.path());
    assert!(shown(&output).contains("错误：") && shown(&output).contains("没有启动过沙箱"));
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_away_is_told_in_the_language_of_the_caller() {
    let mut sandbox = Sandbox::start().await;
    sandbox.stop();
    for (language, words) in
        [("zh", "该地址无人监听"), ("en", "nobody listens there; is the window running?")]
    {
        let output = sandbox.command(&["list", "--language", language]);
        assert_eq!(output.status.code(), Some(3));
        assert!(shown(&output).contains(words), "{}", shown(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_a_window_cannot_start_is_told_in_the_language_of_the_caller() {
    let sandbox = Sandbox::alone(&[]).await;
    for (language, words) in
        [("zh", "正被另一个单一窗口使用"), ("en", "is in use by another window")]
    {
        let args = ["sandbox", "--listen", "127.0.0.1:0", "--language", language];
        let told = shown(&sandbox.command(&args));
        assert!(told.contains("SW-4001") && told.contains(words), "{told}");
    }
    let key = data_dir();
    for (language, words) in [("zh", "无法读取"), ("en", "cannot be read")] {
        let file = key.path().join("nobody.pem").display().to_string();
        let files = ["--ca", &file, "--cert", &file, "--key", &file];
        let args =
            [&["list", "--endpoint", "https://localhost:1", "--language", language], &files[..]];
        let told = shown(&sandbox.command(&args.concat()));
        assert!(told.contains(words), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_away_ends_a_command_quietly() {
    let sandbox = Sandbox::start().await;
    let firm = Enterprise(sandbox.connect("enterprise-a").await);
    // After its first entry nothing happens to it any more.
    let receipt = firm.files("SBX-SILENT-CIQINSPECT-EXAMINE60-1").await;
    for args in
        [&["watch", receipt.name.as_str()][..], &["watch", &receipt.name, "--output", "json"]]
    {
        let mut watch = spawn(&sandbox, args);
        let mut said = BufReader::new(watch.stdout.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("the first entry");
        assert!(!line.is_empty());
        drop(said);
        let start = Instant::now();
        let mut errors = watch.stderr.take().expect("a pipe");
        assert_eq!(ended(watch).await, Some(0), "{args:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let mut told = String::new();
        errors.read_to_string(&mut told).expect("text");
        assert_eq!(told, "", "it ends quietly");
    }
    let folder = sandbox.directory.path().join("ceb");
    std::fs::create_dir(&folder).expect("the directory is ours");
    let folder = folder.display().to_string();
    for args in [
        &["list", "--output", "json"][..],
        &["--help"],
        &["get", &receipt.name],
        &["watch"],
        &["inspect", "watch"],
        &["ceb", "watch", &folder],
    ] {
        let mut command = spawn(&sandbox, args);
        drop(command.stdout.take());
        let mut errors = command.stderr.take().expect("a pipe");
        assert_eq!(ended(command).await, Some(0), "{args:?}");
        let mut told = String::new();
        errors.read_to_string(&mut told).expect("text");
        assert_eq!(told, "", "{args:?} ends quietly");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_documents_are_summed_up_and_lines_are_documents() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let file = sandbox.directory.path().join("many.ndjson");
    let mut text = String::new();
    for number in 1..=1_000 {
        let mut line = json(&format!("LINE-{number}"));
        if number == 300 {
            line.truncate(40);
        } else if number == 700 {
            line = line.replacen("\"4258\"", "\"42\"", 1);
        }
        text.push_str(&line);
        text.push('\n');
    }
    std::fs::write(&file, text).expect("the directory is ours");
    let name = file.display().to_string();
    let output = sandbox.command(&["submit", &name]);
    let told = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.lines().count() < 40, "{} lines", told.lines().count());
    assert!(told.contains("many.ndjson:300:") && told.contains("#700 LINE-700"), "{told}");
    assert!(told.ends_with("998 filed; 2 refused\n"), "{told}");
    assert!(!told.contains("LINE-500"), "what is well is not shown: {told}");

    let all = shown(&sandbox.command(&["submit", "--all", &name]));
    assert!(all.contains("LINE-500") && all.contains("998 filed before; 2 refused"), "{all}");
    let output = sandbox.command(&["submit", "--output", "json", &name]);
    let rows = lines(&output);
    assert_eq!(rows.len(), 1_000, "programs get a line each");
    let places: Vec<_> = rows.iter().map(|row| row["document"].as_u64().expect("one")).collect();
    assert!(places.iter().copied().eq(1..=1_000), "in their order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_filed_while_the_next_one_is_not_written_yet() {
    let sandbox = Sandbox::with(&["--no-agencies", "--no-inspection"]).await;
    let mut submit = spawn(&sandbox, &["submit", "-", "--output", "json"]);
    let mut lines = submit.stdin.take().expect("a pipe");
    let mut answers = BufReader::new(submit.stdout.take().expect("a pipe"));
    for number in 1..=3 {
        // The blank line shows where the one before ended.
        writeln!(lines, "{}\n", json(&format!("PIPE-{number}"))).expect("it is read");
        lines.flush().expect("it is read");
        let mut answer = String::new();
        answers.read_line(&mut answer).expect("an answer");
        assert!(
            answer.contains(&format!("PIPE-{number}")) && answer.contains("\"filed\""),
            "{answer}"
        );
    }
    drop(lines);
    assert_eq!(ended(submit).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_fit_the_terminal() {
    let sandbox = Sandbox::start().await;
    let long = "A-VERY-LONG-ORDER-NUMBER-OF-A-SELLER-1";
    let file = sandbox.directory.path().join("export.json");
    std::fs::write(&file, json(long)).expect("the directory is ours");
    let file = file.display().to_string();
    for (args, whole) in [
        (vec!["submit", "--wait", &file], true),
        (vec!["list"], true),
        (vec!["list", "--language", "zh"], true),
        (vec!["get", long], false),
    ] {
        for columns in [60, 80, 200] {
            let output = Command::new(binary())
                .args(&args)
                .arg("--data-dir")
                .arg(sandbox.directory.path())
                .env("COLUMNS", columns.to_string())
                .output()
                .expect("the binary starts");
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(told.contains(long), "nothing is cut: {told}");
            // What happened is one line an entry, however long.
            for line in told.lines().filter(|line| whole || !line.contains("+08:00  v")) {
                let wide = |c: char| !c.is_ascii() && !('\u{2500}'..='\u{257f}').contains(&c);
                let width: usize = line.chars().map(|c| if wide(c) { 2 } else { 1 }).sum();
                assert!(width <= columns, "{args:?} in {columns}: {width}: {line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_says_when_the_window_is_lost_and_when_it_is_back() {
    let mut sandbox = Sandbox::process(&[]).await;
    let receipt = Enterprise(sandbox.connect("enterprise-a").await).files("SBX-SILENT-W1").await;
    let folder = data_dir();
    let order = workspace().join("docs/examples/ceb/ceb311.xml");
    std::fs::copy(order, folder.path().join("order.xml")).expect("the folder is ours");
    let folder = folder.path().to_string_lossy().into_owned();
    let mut watches = [
        spawn(&sandbox, &["watch", &receipt.name, "--until-end"]),
        spawn(&sandbox, &["inspect", "watch"]),
        spawn(&sandbox, &["ceb", "watch", &folder, "--settle", "200"]),
    ];
    let mut heard =
        watches.each_mut().map(|watch| BufReader::new(watch.stdout.take().expect("a pipe")));
    let mut told =
        watches.each_mut().map(|watch| BufReader::new(watch.stderr.take().expect("a pipe")));
    // The order is declared, and a receipt was heard: both are followed by now.
    for (output, words) in heard.iter_mut().step_by(2).zip(["filed", "receipts/"]) {
        let found = output.lines().any(|line| line.expect("text").contains(words));
        assert!(found, "{words}");
    }
    let mut hears = |words: &str| {
        for told in &mut told {
            let mut line = String::new();
            told.read_line(&mut line).expect("a line");
            assert!(line.contains(words), "{words}: {line}");
        }
    };
    sandbox.kill();
    hears("the window is lost");
    sandbox.spawn();
    sandbox.ready().await;
    hears("the window is back; nothing was missed");
    let output = sandbox.command(&["withdraw", &receipt.name, "--reason", "the end"]);
    assert!(output.status.success(), "{}", shown(&output));
    let [declaration, orders, folder] = watches;
    assert_eq!(ended(declaration).await, Some(1), "withdrawn is another end");
    drop(heard);
    for mut other in [orders, folder] {
        other.kill().expect("it is our child");
        other.wait().expect("it was killed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_an_address_and_a_port_in_use_is_found_before_anything_is_made() {
    let directory = data_dir();
    let mut first = Command::new(binary())
        .args(["sandbox", "--quiet", "--no-agencies", "--no-inspection"])
        .args(["--listen", "localhost:0", "--data-dir"])
        .arg(directory.path())
        .stdin(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let address = eventually("the sandbox starts", PATIENCE, async || {
        std::fs::read_to_string(directory.path().join("address"))
    });
    let address = address.await;
    let output = alone(&["list"], directory.path());
    assert!(output.status.success(), "{}", shown(&output));

    let other = data_dir();
    let port = address.rsplit(':').next().expect("a port");
    for (flag, more) in [("--listen", None), ("--metrics", Some("localhost:0"))] {
        let mut args = vec!["sandbox", flag, &address];
        args.extend(more.into_iter().flat_map(|free| ["--listen", free]));
        let output = alone(&args, other.path());
        let told = shown(&output);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("SW-4002") && told.contains(port) && told.contains(flag), "{told}");
        assert!(!other.path().join("pg").exists(), "no cluster was made");
    }
    let pid = i32::try_from(first.id()).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a process"), rustix::process::Signal::TERM)
        .expect("it is our child");
    assert!(first.wait().expect("it is our child").success());
}
