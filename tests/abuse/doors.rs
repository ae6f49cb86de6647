//! Connections that only take up places.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::bare::Bare;
use crate::harness::Sandbox;
use crate::harness::http::Http;
use crate::harness::people::code;
use crate::wire::{HELLO, ends_within, frame, tcp, tls};
use crate::{meter, times};

/// Longer than all bounds of time at the door, and some more for a busy machine.
const SOON: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_certificate_shut_nobody_out() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&[]).await;
    let bare = Bare::start(&sandbox).await;
    let many = 700 * times().min(10);
    let crowd = async |config: &client::Config| {
        let mut crowd = Vec::new();
        for _ in 0..many {
            crowd.push(tcp(config).await.expect("the system takes it"));
        }
        crowd
    };
    let knock = async |config: &client::Config| {
        let knocked = client::Window::connect(config);
        tokio::time::timeout(Duration::from_secs(4), knocked).await.is_ok_and(|it| it.is_ok())
    };
    let control = bare.config(&sandbox, "customs");
    let crowd_there = crowd(&control).await;
    assert!(!knock(&control).await, "the control is shut");
    drop(crowd_there);

    let config = sandbox.config("customs");
    let attack = async {
        let mut crowd = crowd(&config).await;
        for _ in 0..10 {
            assert!(knock(&config).await, "customs gets in");
        }
        let mut last = crowd.pop().expect("a crowd");
        assert!(ends_within(&mut last, SOON).await.is_some(), "silence has an end");
    };
    meter::beside(&sandbox, &format!("{many} silent connections"), attack).await;
}

/// Whoever has neither certificate nor key takes places from its like only, and not for long.
#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_key_shut_nobody_out() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&[]).await;
    let nobody = sandbox.config_without_certificate();
    let many = 4 * domain::limits::CONNECTIONS_NEW_MAX;
    let attack = async {
        let mut crowd = Vec::new();
        for _ in 0..many {
            let mut silent = tls(&nobody).await.expect("TLS");
            silent.write_all(HELLO).await.expect("it is read");
            crowd.push(silent);
        }
        // Places are for those who say who they are, with a certificate or a key.
        for _ in 0..10 {
            let mut http = Http::with_key(&sandbox, &sandbox.api_key("agent")).await;
            let answer = http.gets("/ceb/documents", "application/json").await;
            assert_eq!(answer.status, 200, "{answer}");
            sandbox.connect("customs").await;
        }
        // The oldest gave way, the newest has its time.
        let first = ends_within(&mut crowd[0], Duration::from_secs(1)).await;
        assert!(first.is_some(), "the oldest stays");
        let mut last = crowd.pop().expect("a crowd");
        assert!(ends_within(&mut last, SOON).await.is_some(), "nobody stays nobody");
    };
    meter::beside(&sandbox, &format!("{many} connections without a key"), attack).await;
    // One that is known may be idle, and has its places among its caller's.
    let mut known = Http::with_key(&sandbox, &sandbox.api_key("agent")).await;
    assert_eq!(known.gets("/ceb/documents", "application/json").await.status, 200);
    tokio::time::sleep(SOON).await;
    assert_eq!(known.gets("/ceb/documents", "application/json").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_half_of_it_is_let_go() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&[]).await;
    let bare = Bare::start(&sandbox).await;
    let half = [HELLO, &frame(6, 0, b"half of it")[..12]].concat();
    let says: [(&str, Vec<u8>); 4] = [
        ("nothing", Vec::new()),
        ("half a preface", HELLO[..10].to_vec()),
        ("half a head of HTTP/1", b"POST /ceb HTTP/1.1\r\nHost: lo".to_vec()),
        ("half a frame", half),
    ];
    // All at once: each waits for its own end.
    let attacks = says.into_iter().map(|(what, said)| {
        let (there, here) = (bare.config(&sandbox, "agent"), sandbox.config("agent"));
        async move {
            let (mut there, mut here) =
                (tls(&there).await.expect("TLS"), tls(&here).await.expect("TLS"));
            there.write_all(&said).await.expect("it is read");
            here.write_all(&said).await.expect("it is read");
            let (control, window) =
                tokio::join!(ends_within(&mut there, SOON), ends_within(&mut here, SOON));
            assert_eq!(control, None, "the control waits: {what}");
            let window = window.unwrap_or_else(|| panic!("the window waits: {what}"));
            assert!(window > Duration::from_secs(8), "{what}: after {window:?}");
        }
    });
    // Who said what it wants may be idle.
    let idle = async {
        let mut idle = tls(&sandbox.config("agent")).await.expect("TLS");
        idle.write_all(HELLO).await.expect("it is read");
        assert_eq!(ends_within(&mut idle, SOON).await, None, "idle is not silent");
    };
    let all = futures::future::join_all(attacks);
    meter::beside(&sandbox, "callers that stop", async { tokio::join!(all, idle) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_caller_has_so_many_connections_and_streams() {
    let _turn = crate::alone().await;
    let sandbox = Sandbox::alone(&[]).await;
    let bare = Bare::start(&sandbox).await;
    let there = bare.config(&sandbox, "enterprise-a");
    let (most, streams) =
        (domain::limits::CONNECTIONS_PER_PRINCIPAL, domain::limits::STREAMS_PER_PRINCIPAL_MAX);
    let check = async |window: &client::Window| {
        let request = HealthCheckRequest::default();
        HealthClient::new(window.channel()).check(request).await.map(|_| ())
    };
    let mut held = Vec::new();
    for _ in 0..=most {
        let window = client::Window::connect(&there).await.expect("the control takes all");
        check(&window).await.expect("and answers");
        held.push(window);
    }
    held.clear();

    let attack = async {
        let mut held = Vec::new();
        for _ in 0..most {
            held.push(sandbox.connect("enterprise-a").await);
        }
        let over = sandbox.connect("enterprise-a").await;
        let status = check(&over).await.expect_err("one too many");
        assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status:?}");
        let (number, data) = code(&status);
        assert_eq!((number.as_str(), data["what"].as_str()), ("SW-1403", "connections"));
        let retry = status.get_error_details().retry_info().and_then(|info| info.retry_delay);
        assert_eq!(retry, Some(Duration::from_secs(1)));
        let mut http = Http::connect(&sandbox, "enterprise-a").await;
        let answer = http.gets("/ceb/documents", "application/json").await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "1"), "{answer}");
        // Others are not concerned, and a place that is given back is free again.
        check(&sandbox.connect("customs").await).await.expect("customs is served");
        held.truncate(most / 2);
        drop(over);
        let again = async {
            while check(&sandbox.connect("enterprise-a").await).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(SOON, again).await.expect("a place is free again");

        let mut news = Vec::new();
        let mut watch = async |window: &client::Window| {
            let request = HealthCheckRequest::default();
            let watched = HealthClient::new(window.channel()).watch(request).await;
            watched.map(|watched| news.push(watched.into_inner()))
        };
        for stream in 0..streams {
            watch(&held[stream % held.len()]).await.expect("within the quota");
        }
        let status = watch(&held[0]).await.expect_err("one too many");
        assert_eq!(code(&status).1["what"], "streams", "{status:?}");
        check(&held[0]).await.expect("calls are counted apart");
        news.truncate(streams / 2);
        let again = async {
            let request = HealthCheckRequest::default;
            while HealthClient::new(held[0].channel()).watch(request()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(SOON, again).await.expect("a place is free again");
    };
    meter::beside(&sandbox, "connections and streams of one caller", attack).await;
}
