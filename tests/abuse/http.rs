//! What comes over HTTP: batches of lines with nothing in them, and pages of the console that are as long as they may be.

use std::time::Instant;

use client::Config;
use futures::future::join_all;
use http_body_util::BodyExt as _;
use sqlx::Executor as _;
use tonic::body::Body;
use tonic::codegen::http::{Request, StatusCode};
use tower::ServiceExt as _;

use crate::memory::{RESIDENT_MAX, crowded};
use crate::{meter, times};

/// Bytes of a batch: twice what a caller may have in memory before it is decoded.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
const BATCHES: usize = 20;
/// Pages that are asked for at once, over a few connections.
const PAGES: usize = 256;
const CONNECTIONS: usize = 4;

async fn channels(config: &Config) -> Vec<tonic::transport::Channel> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS {
        let window = client::Window::connect(config).await.expect("it listens");
        channels.push(window.channel());
    }
    channels
}

/// The answer with its body; `None` when the connection ended before.
async fn asked(
    channel: tonic::transport::Channel,
    request: Request<Body>,
) -> Option<(StatusCode, Vec<u8>)> {
    let answer = channel.oneshot(request).await.ok()?;
    let status = answer.status();
    let body = answer.into_body().collect().await.ok()?;
    Some((status, body.to_bytes().to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_blank_lines_cost_nobody_a_processor() {
    let _turn = crate::alone().await;
    let (sandbox, crowd) = crowded().await;
    let channels = channels(&crowd[0]).await;
    let attack = async {
        let (start, before) = (Instant::now(), meter::work_done(&sandbox));
        for _ in 0..times() {
            let posts = (0..BATCHES).map(|n| {
                let body = http_body_util::Full::from(vec![b'\n'; BATCH_BYTES]);
                let request = Request::post("https://localhost/v1/declarations:batch")
                    .header("content-type", "application/x-ndjson")
                    .body(Body::new(body))
                    .expect("a request");
                asked(channels[n % channels.len()].clone(), request)
            });
            let answers: Vec<_> = join_all(posts).await.into_iter().flatten().collect();
            assert!(answers.len() > BATCHES / 2, "{} are answered", answers.len());
            for (status, body) in answers {
                let said = String::from_utf8_lossy(&body);
                let refused = said.contains("\"line\":10001") || !status.is_success();
                assert!(refused, "{status}: {said}");
            }
        }
        (start.elapsed(), meter::work_done(&sandbox) - before)
    };
    let (_, (took, work)) = meter::measured(&sandbox, "blank lines", attack).await;
    println!("{} batches took {took:?}, {work} hundredths of a second of work", BATCHES * times());
    // A copy of the rest for each line took 8 s for each batch.
    let batches = u64::try_from(BATCHES * times()).expect("few");
    assert!(work < 50 * batches, "{work} hundredths of a second of work");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_pages_of_one_firm_do_not_fill_the_memory() {
    let _turn = crate::alone().await;
    let (sandbox, _) = crowded().await;
    let mut database = sandbox.database().await;
    // Ten times as many as were filed.
    let many = "insert into declaration
                select (jsonb_populate_record(d, jsonb_build_object(
                            'id', overlay(d.id::text placing lpad(to_hex(g), 4, 'e') from 25 for 4),
                            'cop_no', d.cop_no || '-' || g, 'order_no', d.order_no || '-' || g))).*
                from declaration d, generate_series(1, 9) g";
    database.execute(many).await.expect("rows");
    let channels = channels(&sandbox.config("agent")).await;
    let attack = async {
        let (mut pages, mut refused) = (0, 0);
        for _ in 0..times() {
            let asks = (0..PAGES).map(|n| {
                let request = Request::get("https://localhost/console/declarations?size=10000")
                    .header("accept", "text/html")
                    .body(Body::empty())
                    .expect("a request");
                asked(channels[n % channels.len()].clone(), request)
            });
            for (status, body) in join_all(asks).await.into_iter().flatten() {
                match status {
                    StatusCode::OK => {
                        assert!(body.len() > 1_000_000, "{} bytes", body.len());
                        pages += 1;
                    }
                    _ => refused += 1,
                }
            }
        }
        (pages, refused)
    };
    let (seen, (pages, refused)) = meter::measured(&sandbox, "pages of 10,000 rows", attack).await;
    println!("{pages} pages, {refused} refused");
    assert!(seen.peak_bytes < RESIDENT_MAX, "{} MB", seen.peak_bytes >> 20);
    assert!(pages > 0, "a page is answered");
}
