//! A window is configured by a file, and a person's command line by contexts.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use client::{Config, Window};
use proto::v1;

use crate::harness::{PATIENCE, Sandbox, binary, data_dir, eventually, output, workspace};

/// A command whose person has this home, and which hears nothing of the environment.
fn run(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(args).env_clear().env("HOME", home).current_dir(workspace());
    output(&mut command)
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(both).expect("it is text")
}

#[test]
fn everything_that_is_wrong_in_a_file_is_told_at_once_with_its_line() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("config.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).expect("the file is ours");
        run(place.path(), &["config", "check", "--config", file.to_str().expect("a path")])
    };
    let wrong =
        check("listen = \"nowhere\"\nlisten-on = 1\nwriters = 1.5\n\n[server]\nkeys = true\n");
    let said = text(&wrong);
    assert_eq!(wrong.status.code(), Some(2), "{said}");
    let lines: Vec<_> = said.lines().filter_map(|line| line.split("config.toml:").nth(1)).collect();
    for (line, begin) in [
        "1: ",
        "2: there is no setting listen-on",
        "3: writers is",
        "6: there is no setting server-keys",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(lines.get(line).is_some_and(|line| line.starts_with(begin)), "{begin}:\n{said}");
    }
    assert!(lines[0].contains("--listen") && lines[0].contains("HOST:PORT"), "{said}");
    // What is wrong is told by every command that reads the file, and none of them starts.
    let config = ["--config", file.to_str().expect("a path")];
    let serve = run(place.path(), &[&["serve"], &config[..]].concat());
    assert_eq!((serve.status.code(), text(&serve).contains("listen-on")), (Some(2), true));
    // Files that it names, and what it lacks.
    let said = text(&check("listen = \"localhost:0\"\n"));
    for key in ["server-cert", "server-key", "client-ca", "registry"] {
        assert!(said.contains(&format!("{key} is missing")), "{said}");
    }
    let files = "server-cert = \"a\"\nserver-key = \"b\"\nclient-ca = \"c\"\nregistry = \"d\"\n";
    let said = text(&check(&format!("{files}[gateway]\ncert = \"e\"\n")));
    assert!(said.contains("--gateway-key and --gateway-ca belong together"), "{said}");
    let said = text(&check(
        "server-cert = \"/no/1\"\nserver-key = \"/no/2\"\nclient-ca = \"/no/3\"\nregistry = \"/no/4\"\n\
         database-url = \"nothing\"\n",
    ));
    for (line, word) in
        [(1, "/no/1"), (2, "/no/2"), (3, "/no/3"), (4, "/no/4"), (5, "database-url")]
    {
        let found = said
            .lines()
            .any(|it| it.contains(&format!("config.toml:{line}: ")) && it.contains(word));
        assert!(found, "{line} {word}:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_serves_as_its_file_says_and_flags_weigh_more() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let place = data_dir();
    let identities = sandbox.directory.path().join("identities");
    // What a sandbox lets everybody do is refused outside.
    let registry = std::fs::read_to_string(identities.join("registry.json")).expect("it is there");
    let entries: Vec<serde_json::Value> = serde_json::from_str(&registry).expect("a list");
    let admin: Vec<_> = entries.into_iter().filter(|it| it["name"] == "admin").collect();
    let registry = place.path().join("registry.json");
    std::fs::write(&registry, serde_json::to_string(&admin).expect("JSON")).expect("ours");
    let file = place.path().join("config.toml");
    let at = |name: &str| identities.join(name).display().to_string();
    let text_of = format!(
        "listen = \"192.0.2.1:1\"\ndata-dir = {:?}\nclient-ca = {:?}\nregistry = {:?}\n[server]\ncert = {:?}\n\
         key = {:?}\n",
        place.path().join("data"),
        at("authority.pem"),
        registry,
        at("window.pem"),
        at("window.key"),
    );
    std::fs::write(&file, text_of).expect("ours");
    let config = file.to_str().expect("a path");
    let checked = run(place.path(), &["config", "check", "--config", config]);
    assert!(checked.status.success(), "{}", text(&checked));
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let address = format!("localhost:{}", port.expect("a port").port());
    let mut command = Command::new(binary());
    command.args(["serve", "--config", config, "--listen", &address]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut window = command.spawn().expect("the binary starts");
    let config = Config { address, ..sandbox.config("admin") };
    let served = eventually("it serves", PATIENCE, async || Window::connect(&config).await);
    let status = served.await.status().get_status(v1::GetStatusRequest {}).await;
    assert!(!status.expect("it answers").into_inner().sandbox);
    let pid = rustix::process::Pid::from_child(&window);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("ours");
    assert!(window.wait().expect("it is our child").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_stands_for_the_flags_of_a_connection() {
    let sandbox = Sandbox::with(&["--no-agencies"]).await;
    let home = tempfile::tempdir().expect("a directory");
    let own = home.path().join(".config/single-window");
    std::fs::create_dir_all(&own).expect("ours");
    let (dir, ca) =
        (sandbox.directory.path(), sandbox.directory.path().join("identities/authority.pem"));
    let contexts = format!(
        "[trial]\ndata-dir = {dir:?}\nas = \"admin\"\n[away]\nendpoint = \"localhost:1\"\nca = {ca:?}\ncert = {:?}\n\
         key = {:?}\n",
        dir.join("identities/agent.pem"),
        dir.join("identities/agent.key"),
    );
    std::fs::write(own.join("contexts.toml"), contexts).expect("ours");
    let of = |args: &[&str]| run(home.path(), args);
    assert!(text(&of(&["--context", "trial", "status"])).contains("PostgreSQL"));
    assert_eq!(of(&["--context", "away", "list"]).status.code(), Some(3), "nobody is there");
    assert!(text(&of(&["context", "use", "nobody"])).contains("there are away, trial"));
    assert!(of(&["context", "use", "trial"]).status.success());
    assert!(text(&of(&["context", "list"])).contains('*'));
    assert!(text(&of(&["context", "show"])).contains("admin"));
    let status = of(&["status"]);
    assert!(text(&status).contains("PostgreSQL"), "{}", text(&status));
    // Flags are another window.
    assert_eq!(of(&["--endpoint", "localhost:1", "list"]).status.code(), Some(2));
    let both = of(&["--context", "trial", "--endpoint", "localhost:1", "list"]);
    assert!(text(&both).contains("give either"), "{}", text(&both));

    // What shells and `man` know is made of the same command line.
    let pages = home.path().join("man");
    assert!(of(&["man", pages.to_str().expect("a path")]).status.success());
    let page = std::fs::read_to_string(pages.join("single-window-serve.1")).expect("a page");
    assert!(page.contains("server\\-cert"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&of(&["completions", shell])).contains("doctor"), "{shell}");
    }
}
