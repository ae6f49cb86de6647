//! Callers come, change and go while the window serves.

use client::{Config, Window};
use proto::v1;
use tonic::{Code, Request};

use crate::harness::{PATIENCE, Sandbox, eventually};

/// What a certificate opens: its caller's list, or why not.
async fn lists(config: &Config) -> Result<(), String> {
    let window = Window::connect(config).await.map_err(|error| error.to_string())?;
    let listed = window.declarations().list(v1::ListRequest::default()).await;
    listed.map(drop).map_err(|status| status.to_string())
}

fn caller(sandbox: &Sandbox, args: &[&str]) -> String {
    let registry = sandbox.directory.path().join("identities/registry.json");
    let registry = registry.to_str().expect("a path");
    let said = sandbox.command(&[&["caller"], args, &["--registry", registry]].concat());
    let text = String::from_utf8([said.stdout, said.stderr].concat()).expect("it is text");
    format!("{} {text}", said.status.code().expect("it ended"))
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_come_change_and_go_while_the_window_serves() {
    let mut sandbox = Sandbox::with(&["--no-agencies"]).await;
    sandbox.may_log_errors = true;
    let cert = |name: &str| {
        let file = sandbox.directory.path().join(format!("identities/{name}.pem"));
        file.to_str().expect("a path").to_owned()
    };
    let (old, new) = (sandbox.config("enterprise-b"), sandbox.config("site-b"));
    let open = Window::connect(&old).await.expect("it is a caller");
    let mut watch = open.declarations().watch(v1::WatchRequest::default()).await.expect("its own");
    let watch = watch.get_mut();

    // It gets another certificate: both are good, and nothing that is open is cut.
    assert!(
        caller(&sandbox, &["rotate", "enterprise-b", "--cert", &cert("site-b")]).starts_with('2')
    );
    assert!(caller(&sandbox, &["revoke", "site-b"]).starts_with('0'));
    let said = caller(&sandbox, &["rotate", "enterprise-b", "--cert", &cert("site-b")]);
    assert!(said.contains("the old one is accepted until"), "{said}");
    eventually("the new certificate is taken over", PATIENCE, async || lists(&new).await).await;
    lists(&old).await.expect("the old one overlaps");
    open.declarations().list(v1::ListRequest::default()).await.expect("it is not cut");
    let listed = caller(&sandbox, &["list"]);
    assert_eq!(listed.lines().filter(|line| line.contains("enterprise-b ")).count(), 2, "{listed}");

    // A file that cannot be used changes nothing.
    let file = sandbox.directory.path().join("identities/registry.json");
    let good = std::fs::read_to_string(&file).expect("it is there");
    std::fs::write(&file, "[{").expect("ours");
    let log = || std::fs::read_to_string(sandbox.log()).unwrap_or_default();
    eventually("it is refused", PATIENCE, async || {
        if log().contains("not taken over") { Ok(()) } else { Err(log()) }
    })
    .await;
    lists(&old).await.expect("what was good before counts");
    std::fs::write(&file, good).expect("ours");

    // It goes: its streams end, and neither certificate nor key opens anything.
    let keyed =
        Window::connect(&sandbox.config_without_certificate()).await.expect("anybody may knock");
    let key = sandbox.api_key("enterprise-b");
    let with_key = || {
        let mut request = Request::new(v1::ListRequest::default());
        let value = format!("Bearer {key}").parse().expect("ASCII");
        request.metadata_mut().insert("authorization", value);
        request
    };
    keyed.declarations().list(with_key()).await.expect("a good key");
    assert!(caller(&sandbox, &["revoke", "enterprise-b"]).starts_with('0'));
    let ended =
        tokio::time::timeout(PATIENCE, async { while let Ok(Some(_)) = watch.message().await {} });
    ended.await.expect("its stream ends");
    for config in [&old, &new] {
        let refused = lists(config).await.expect_err("it is nobody");
        assert!(
            refused.contains("SW-1302") || refused.contains("not in the registry"),
            "{refused}"
        );
    }
    let refused = keyed.declarations().list(with_key()).await.expect_err("its key went with it");
    assert!(
        [Code::Unauthenticated, Code::Unavailable, Code::Unknown].contains(&refused.code()),
        "{refused}"
    );

    // And somebody comes, by a certificate that the authority signed.
    let added = caller(
        &sandbox,
        &[
            "add",
            "sea-star",
            "--kind",
            "enterprise",
            "--customs-code",
            "3702960009",
            "--cert",
            &cert("site-b"),
        ],
    );
    assert!(added.starts_with('0'), "{added}");
    eventually("it is a caller", PATIENCE, async || lists(&new).await).await;
    let twice = caller(&sandbox, &["add", "sea-star", "--kind", "agent"]);
    assert!(twice.starts_with('2') && twice.contains("already"), "{twice}");
}
