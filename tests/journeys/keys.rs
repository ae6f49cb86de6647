//! Keys of callers: what their certificates open they open too, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use client::Window;
use prost::Message as _;
use proto::v1;
use proto::v1::move_clock_request::To;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use super::clock::moves;
use crate::harness::http::Http;
use crate::harness::people::{code, export, filing};
use crate::harness::{PATIENCE, Sandbox};

/// A call that carries a key.
fn by<T>(key: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {key}").parse().expect("ASCII");
    request.metadata_mut().insert("authorization", value);
    request
}

async fn without_certificate(sandbox: &Sandbox) -> Window {
    let config = sandbox.config_without_certificate();
    Window::connect(&config).await.expect("anybody may knock")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_the_certificate_of_its_caller_opens() {
    let sandbox = Sandbox::start().await;
    let (a, b) = (sandbox.api_key("enterprise-a"), sandbox.api_key("enterprise-b"));
    let mut firm = without_certificate(&sandbox).await.declarations();
    let filed = firm.submit(by(&a, filing(export("QD-KEY-1")))).await.expect("it is its own");
    let name = filed.into_inner().name;
    let get = || v1::GetRequest { name: name.clone(), ..Default::default() };
    let record = firm.get(by(&a, get())).await.expect("its own").into_inner().record;
    assert_eq!(record.expect("a record").name, name);

    // Another firm has another view, and a connection has one caller.
    let status = firm.get(by(&b, get())).await.expect_err("the connection is another's");
    assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1307", Code::Unauthenticated));
    let mut other = without_certificate(&sandbox).await.declarations();
    let status = other.get(by(&b, get())).await.expect_err("not its own");
    assert_eq!(status.code(), Code::NotFound);
    let status = other.submit(by(&b, filing(export("QD-KEY-2")))).await.expect_err("not its own");
    assert_eq!(code(&status).0, "SW-1305");

    // A client that has the key carries it by itself, and so does the command line.
    let config = client::Config { api_key: a.clone(), ..sandbox.config_without_certificate() };
    let firm = Window::connect(&config).await.expect("anybody may knock");
    let record = firm.declarations().get(get()).await.expect("its own").into_inner().record;
    assert_eq!(record.expect("a record").name, name);
    assert!(!format!("{firm:?}").contains(&a), "the key is shown nowhere");
    let listed = sandbox.command(&["--api-key", &a, "list"]);
    let printed = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.status.success() && printed.contains("QD-KEY-1"), "{listed:?}");

    // National messages are posted the same way.
    let mut http = Http::with_key(&sandbox, &sandbox.api_key("agent")).await;
    let order = std::fs::read("../docs/examples/ceb/ceb311.xml").expect("an example");
    let answer = http.posts(order, "application/xml").await;
    assert_eq!(answer.status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_shows_nothing_is_told_what_to_show() {
    let sandbox = Sandbox::start().await;
    let mut http = Http::with(&sandbox.config_without_certificate()).await;
    for (key, number, says, says_zh) in [
        (None, "SW-1301", "a client certificate or a key is required", "接口密钥"),
        (Some("swk_wrong"), "SW-1307", "the key is unknown", "接口密钥不存在"),
    ] {
        http.headers =
            key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
        let answer = http.gets("/ceb/documents", "application/json").await;
        assert_eq!(answer.status, 401, "{answer}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{answer}");
        let problem = answer.json();
        assert_eq!((problem["status"].as_u64(), &problem["code"]), (Some(401), &number.into()));
        let text = |name: &str| problem[name].as_str().expect("a text").to_owned();
        assert!(text("title").contains(says) && text("message_zh").contains(says_zh), "{answer}");

        let mut request = Request::new(v1::GetStatusRequest {});
        if let Some(key) = key {
            request = by(key, v1::GetStatusRequest {});
        }
        let status = without_certificate(&sandbox).await.status().get_status(request).await;
        let status = status.expect_err("nobody is known");
        assert_eq!((code(&status).0.as_str(), status.code()), (number, Code::Unauthenticated));
        assert!(status.message().contains(says), "{status:?}");
    }
}

/// How a stream ends.
async fn end_of(news: &mut tonic::Streaming<v1::WatchResponse>) -> Status {
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            match news.message().await {
                Ok(Some(_)) => {}
                ended => return ended,
            }
        }
    });
    ended.await.expect("in time").expect_err("it has ended")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_ends_at_once_with_its_streams() {
    let sandbox = Sandbox::start().await;
    let run = |args: &[&str]| {
        let output = sandbox.command(args);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let made = run(&["key", "create", "enterprise-a", "--note", "tills", "--output", "json"]);
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let key = made["key"].as_str().expect("a key");
    let id = made["record"]["id"].as_str().expect("an id");
    let window = without_certificate(&sandbox).await;
    let watch = window.declarations().watch(by(key, v1::WatchRequest::default())).await;
    let mut news = watch.expect("it is good").into_inner();
    let mut http = Http::with_key(&sandbox, key).await;
    assert_eq!(http.gets("/ceb/documents", "application/json").await.status, 200);
    assert!(run(&["key", "list", "--of", "enterprise-a"]).contains("tills"));

    run(&["key", "revoke", id]);
    let status = window.status().get_status(by(key, v1::GetStatusRequest {})).await;
    assert_eq!(code(&status.expect_err("it has ended")).0, "SW-1307");
    let status = end_of(&mut news).await;
    assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1307", Code::Unauthenticated));
    // The connection that it opened is gone, so it cannot take up its caller's places.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(http.is_over().await, "the connection stays");
    let listed = run(&["key", "list", "--output", "json"]);
    let line = listed.lines().find(|line| line.contains(id)).expect("it is still listed");
    assert!(line.contains("revoked_time"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_by_itself_with_its_last_day_and_its_streams_with_it() {
    let sandbox = Sandbox::start().await;
    let admin = sandbox.connect("admin").await;
    let made =
        sandbox.command(&["key", "create", "enterprise-a", "--days", "1", "--output", "json"]);
    let made = String::from_utf8(made.stdout).expect("text");
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let key = made["key"].as_str().expect("a key");
    let window = without_certificate(&sandbox).await;
    let asked = || async { window.status().get_status(by(key, v1::GetStatusRequest {})).await };
    let watch = window.declarations().watch(by(key, v1::WatchRequest::default())).await;
    let mut news = watch.expect("it is good").into_inner();

    moves(&admin, To::AdvanceSeconds(86_400 - 600)).await.expect("forward");
    asked().await.expect("it is its last day");
    moves(&admin, To::AdvanceSeconds(601)).await.expect("forward");
    let status = asked().await.expect_err("it has ended");
    assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1307", Code::Unauthenticated));
    let status = end_of(&mut news).await;
    assert_eq!(code(&status).0, "SW-1307");
}

/// What a call with an empty message comes to: the code of its refusal, or nothing.
async fn comes_to(window: &Window, path: &str, key: Option<&str>) -> String {
    let mut grpc = tonic::client::Grpc::new(window.channel());
    grpc.ready().await.expect("the window is there");
    let request = key.map_or_else(|| Request::new(()), |key| by(key, ()));
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let path = path.parse().expect("a path");
    let answer: Result<tonic::Response<()>, Status> = grpc.unary(request, path, codec).await;
    answer.map_or_else(|status| code_or_words(&status), |_| String::new())
}

fn code_or_words(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().map_or_else(|| format!("{status:?}"), |info| info.reason.clone())
}

/// How each call is made over HTTP, by its path of gRPC: as its annotation has it, about something.
fn over_http() -> BTreeMap<String, (String, String)> {
    let pool = prost_reflect::DescriptorPool::decode(proto::DESCRIPTOR).expect("compiled");
    let http = pool.get_extension_by_name("google.api.http").expect("an annotation");
    let calls = pool.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let calls = calls.map(|call| {
        let options = call.options();
        let rule = options.get_extension(&http);
        let rule = rule.as_message().expect("a rule");
        let text = |name: &str| {
            let text = rule.get_field_by_name(name).expect("a field");
            text.as_str().expect("a text").to_owned()
        };
        let methods = ["get", "put", "post", "delete"];
        let method = methods.into_iter().find(|name| !text(name).is_empty()).expect("a method");
        let target: String = text(method)
            .split_inclusive('}')
            .map(|part| match part.strip_suffix('}').and_then(|part| part.split_once('{')) {
                Some((before, variable)) => {
                    let pattern = variable.split_once('=').map_or("*", |(_, pattern)| pattern);
                    format!("{before}{}", pattern.replace('*', "7"))
                }
                None => part.to_owned(),
            })
            .collect();
        let path = format!("/{}/{}", call.parent_service().full_name(), call.name());
        (path, (method.to_uppercase(), target))
    });
    calls.collect()
}

/// Every call with one message and one answer, by its path of gRPC.
fn unary_paths() -> Vec<String> {
    let schema = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR).expect("compiled");
    let mut paths = Vec::new();
    for file in &schema.file {
        for service in &file.service {
            let unary = service.method.iter().filter(|it| !it.client_streaming());
            let unary = unary.filter(|it| !it.server_streaming());
            paths.extend(
                unary.map(|method| {
                    format!("/{}.{}/{}", file.package(), service.name(), method.name())
                }),
            );
        }
    }
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_callers_and_calls_holds_for_keys() {
    let mut sandbox = Sandbox::with(&[]).await;
    sandbox.may_leave_work = true;
    let (paths, over_http) = (unary_paths(), over_http());
    let mut allowed = BTreeMap::new();
    for caller in cli::sandbox::CALLERS.iter().map(|caller| caller.name) {
        let certified = sandbox.connect(caller).await;
        let keyed = without_certificate(&sandbox).await;
        let key = sandbox.api_key(caller);
        let mut http = Http::with_key(&sandbox, &key).await;
        for path in &paths {
            let by_certificate = comes_to(&certified, path, None).await;
            let by_key = comes_to(&keyed, path, Some(&key)).await;
            if path == CREATE_KEY && by_certificate != "SW-1303" {
                assert_eq!((by_certificate.as_str(), by_key.as_str()), ("", "SW-1308"), "{caller}");
            } else {
                assert_eq!(by_key, by_certificate, "{caller} {path}");
            }
            let (method, target) = &over_http[path];
            let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
            let answer = http.call(method, target, "application/json", body).await;
            let refused = answer.status == 403 && answer.json()["code"] == "SW-1303";
            assert_eq!(refused, by_key == "SW-1303", "{caller} {method} {target}: {answer}");
            *allowed.entry(caller).or_insert(0) += usize::from(by_key != "SW-1303");
        }
    }
    // Nobody may do everything, and everybody may do something.
    assert!(allowed.values().all(|calls| (1..paths.len()).contains(calls)), "{allowed:?}");
    let customs = sandbox.connect("customs").await;
    assert_eq!(comes_to(&customs, CREATE_KEY, None).await, "SW-1303");
}

const CREATE_KEY: &str = "/single_window.operation.v1.OperationService/CreateKey";

#[tokio::test(flavor = "multi_thread")]
async fn a_firm_makes_sees_and_ends_keys_of_its_own_and_nobody_elses() {
    let sandbox = Sandbox::start().await;
    let (firm, other) =
        (sandbox.connect("enterprise-a").await, sandbox.connect("enterprise-b").await);
    let asked = |caller: &str, days| v1::CreateKeyRequest {
        caller: caller.to_owned(),
        days,
        note: "tills".to_owned(),
        read_only: false,
    };
    let made = firm.operation().create_key(asked("", 365)).await.expect("its own").into_inner();
    let record = made.record.expect("what is kept");
    assert_eq!(
        (record.caller.as_str(), record.role.as_str(), record.last_used_time),
        ("enterprise-a", "enterprise", None)
    );
    let until = record.expire_time.expect("it ends").seconds;
    assert_eq!(until - record.created_time.expect("it was made").seconds, 365 * 86_400);

    // Longer than a year is for administrators; another firm's keys are neither made nor seen nor ended.
    let refusal = firm.operation().create_key(asked("", 366)).await.expect_err("too long");
    assert_eq!(code(&refusal).0, "SW-1001");
    assert!(refusal.message().contains("days: [SW-2006]"), "{refusal:?}");
    for caller in ["enterprise-b", "nobody"] {
        let refusal = firm.operation().create_key(asked(caller, 0)).await.expect_err("not its own");
        assert_eq!((code(&refusal).0.as_str(), refusal.code()), ("SW-1201", Code::NotFound));
        let of = v1::ListKeysRequest { caller: caller.to_owned(), ..Default::default() };
        let refusal = firm.operation().list_keys(of).await.expect_err("not its own");
        assert_eq!((code(&refusal).0.as_str(), refusal.code()), ("SW-1201", Code::NotFound));
    }
    let revoke = || v1::RevokeKeyRequest { id: record.id.clone() };
    let refusal = other.operation().revoke_key(revoke()).await.expect_err("another firm's");
    assert_eq!((code(&refusal).0.as_str(), refusal.code()), ("SW-1201", Code::NotFound));
    let listed = async |window: &Window| {
        let page = window.operation().list_keys(v1::ListKeysRequest::default()).await;
        page.expect("a page").into_inner().records
    };
    let theirs = listed(&other).await;
    assert!(theirs.iter().all(|it| it.caller == "enterprise-b") && !theirs.is_empty());
    let admin = listed(&sandbox.connect("admin").await).await;
    assert!(admin.iter().any(|it| it.id == record.id), "administrators see all of them");

    // It opens what its firm may, and says when it was used.
    let window = without_certificate(&sandbox).await;
    let filed = window.declarations().submit(by(&made.key, filing(export("QD-KEY-9")))).await;
    filed.expect("it is its own");
    let mut news = window.declarations().watch(by(&made.key, v1::WatchRequest::default())).await;
    let news = news.as_mut().expect("it is good").get_mut();
    let own = listed(&firm).await;
    let shown = own.iter().find(|it| it.id == record.id).expect("it is listed");
    assert!(shown.last_used_time.is_some() && own.iter().all(|it| it.caller == "enterprise-a"));

    // It makes no other keys, over gRPC as over HTTP, and ends itself.
    let refusal = window.operation().create_key(by(&made.key, asked("", 1))).await;
    let refusal = refusal.expect_err("a key that leaks must not breed");
    assert_eq!((code(&refusal).0.as_str(), refusal.code()), ("SW-1308", Code::PermissionDenied));
    let mut http = Http::with_key(&sandbox, &made.key).await;
    let answer = http.call("POST", "/v1/keys", "application/json", b"{}").await;
    assert_eq!((answer.status, &answer.json()["code"]), (403, &"SW-1308".into()), "{answer}");
    assert_eq!(listed(&firm).await.len(), own.len(), "none was made");
    let revoked = window.operation().revoke_key(by(&made.key, revoke())).await;
    assert!(
        revoked.expect("its own").into_inner().record.is_some_and(|it| it.revoked_time.is_some())
    );
    let ended = tokio::time::timeout(PATIENCE, async {
        while let Ok(Some(_)) = news.message().await {}
        news.message().await
    });
    drop(ended.await.expect("its stream has ended"));
    let status = window.status().get_status(by(&made.key, v1::GetStatusRequest {})).await;
    assert_eq!(code(&status.expect_err("it has ended")).0, "SW-1307");

    // So many are good at once, and one that has ended makes room.
    let mut good = Vec::new();
    let refusal = loop {
        match firm.operation().create_key(asked("enterprise-a", 1)).await {
            Ok(made) => good.push(made.into_inner().record.expect("what is kept").id),
            Err(refusal) => break refusal,
        }
        assert!(good.len() <= domain::limits::API_KEYS_EACH_MAX);
    };
    assert_eq!((code(&refusal).0.as_str(), refusal.code()), ("SW-1403", Code::ResourceExhausted));
    let alive = listed(&firm).await.iter().filter(|it| it.revoked_time.is_none()).count();
    assert_eq!(alive, domain::limits::API_KEYS_EACH_MAX);
    let id = good.swap_remove(0);
    firm.operation().revoke_key(v1::RevokeKeyRequest { id }).await.expect("its own");
    firm.operation().create_key(asked("", 1)).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_only_reads_changes_nothing() {
    let mut sandbox = Sandbox::with(&[]).await;
    sandbox.may_leave_work = true;
    let run = |args: &[&str]| {
        let output = sandbox.command(args);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    let key = run(&["--as", "enterprise-a", "key", "create", "--read-only", "--note", "reports"]);
    assert!(run(&["--as", "enterprise-a", "key", "list"]).contains("only reads"));
    let whole = sandbox.api_key("enterprise-a");
    let (window, reader) =
        (without_certificate(&sandbox).await, without_certificate(&sandbox).await);
    let (over_http, mut read, mut refused) = (over_http(), 0, 0);
    for path in &unary_paths() {
        let by_whole = comes_to(&window, path, Some(&whole)).await;
        let by_reader = comes_to(&reader, path, Some(&key)).await;
        // A number of a person stands in no address, so this one is posted.
        let reads = over_http[path].0 == "GET" || path.ends_with("/GetQuota");
        if by_whole == "SW-1303" || path == CREATE_KEY {
            assert_eq!(by_reader, by_whole, "{path}");
        } else if reads {
            assert_ne!(by_reader, "SW-1309", "{path}");
            read += 1;
        } else {
            assert_eq!(by_reader, "SW-1309", "{path}");
            refused += 1;
        }
    }
    assert!(read > 10 && refused > 10, "{read} {refused}");
    let stream = "/single_window.declaration.v1.DeclarationService/SubmitStream";
    assert_eq!(comes_to(&reader, stream, Some(&key)).await, "SW-1309");
    let output = sandbox.command(&["--api-key", &key, "key", "create"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("SW-1308"), "{said}");
}
