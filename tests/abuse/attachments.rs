//! Attachments of 20 MiB that are asked for and not read, and uploads that stop in the middle. The control of both is
//! that of [`crate::memory`]: a server that counts nothing keeps what nobody reads and what does not end.

use std::time::{Duration, Instant};

use bytes::Bytes;
use client::Config;
use domain::limits::{ATTACHMENT_BYTES_MAX, READ_SECONDS_MAX};
use futures::StreamExt as _;
use futures::future::join_all;
use http_body_util::{BodyExt as _, StreamBody};
use sha2::{Digest as _, Sha256};
use tonic::body::Body;
use tonic::codegen::http::{Request, Response, StatusCode};
use tower::ServiceExt as _;

use crate::harness::people::FIRM_A;
use crate::memory::{RESIDENT_MAX, crowd, narrow};
use crate::{meter, times};

/// Readers that read nothing, and uploads without an end, of each of ten callers.
const READERS: usize = 30;
const UPLOADS: usize = 30;
/// What comes of each of those uploads.
const COMES: usize = 4 * 1024 * 1024;

/// A file that looks like a PDF and cannot be compressed away.
fn pdf() -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut state = 0x9e37_79b9_u32;
    bytes.resize_with(usize::try_from(ATTACHMENT_BYTES_MAX).expect("it fits"), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    bytes
}

fn address(digest: &str) -> String {
    format!("https://localhost/v1/attachments/{digest}?declarant={FIRM_A}")
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Answers of which nothing is read behind their head.
async fn unread(config: &Config, digest: &str) -> Vec<Response<Body>> {
    let Some(channel) = narrow(config, 16 * 1024).await else { return Vec::new() };
    let asks = (0..READERS).map(|_| {
        let request = Request::get(address(digest)).body(Body::empty()).expect("a request");
        let channel = channel.clone();
        async move { channel.oneshot(request).await.ok() }
    });
    join_all(asks).await.into_iter().flatten().collect()
}

/// Uploads that stop in the middle: what each is answered with, where it is.
async fn unfinished(config: &Config) -> Vec<StatusCode> {
    let Some(channel) = narrow(config, 64 * 1024).await else { return Vec::new() };
    let puts = (0..UPLOADS).map(|number| {
        let some = Bytes::from(vec![b' '; 64 * 1024]);
        let pieces = futures::stream::repeat(some).take(COMES / (64 * 1024));
        let pieces = pieces.chain(futures::stream::pending());
        let pieces = pieces.map(|piece| Ok::<_, tonic::Status>(http_body::Frame::data(piece)));
        let digest = hex(&Sha256::digest(number.to_string()));
        let request = Request::put(address(&digest)).body(Body::new(StreamBody::new(pieces)));
        let channel = channel.clone();
        async move { channel.oneshot(request.expect("a request")).await.ok() }
    });
    join_all(puts).await.into_iter().flatten().map(|answer| answer.status()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn attachments_that_nobody_reads_or_ends_do_not_fill_the_memory() {
    let _turn = crate::alone().await;
    let (sandbox, crowd) = crowd().await;
    let file = pdf();
    let digest = hex(&Sha256::digest(&file));
    let channel = client::Window::connect(&crowd[0]).await.expect("it listens").channel();
    let put = Request::put(address(&digest)).body(Body::new(http_body_util::Full::from(file)));
    let put = channel.clone().oneshot(put.expect("a request")).await.expect("an answer");
    assert_eq!(put.status(), StatusCode::OK);

    let usual = meter::calm(&sandbox).await;
    let attack = async {
        for _ in 0..times() {
            let start = Instant::now();
            let (answers, refused) = tokio::join!(
                join_all(crowd.iter().map(|config| unread(config, &digest))),
                join_all(crowd.iter().map(unfinished)),
            );
            let mut answers: Vec<_> = answers.into_iter().flatten().collect();
            let given = answers.iter().filter(|it| it.status() == StatusCode::OK).count();
            let statuses: std::collections::BTreeMap<_, usize> =
                refused.iter().flatten().fold(Default::default(), |mut counts, status| {
                    *counts.entry(status.as_u16()).or_default() += 1;
                    counts
                });
            println!("{given} of {} answers are not read; uploads: {statuses:?}", answers.len());
            assert!(given > 0, "some are answered");
            assert!(refused.iter().flatten().all(|status| !status.is_success()), "{statuses:?}");
            assert!(!statuses.is_empty(), "an upload that does not go on is answered");
            // What nobody reads has an end before all of it came.
            let due = Duration::from_secs(READ_SECONDS_MAX + 8);
            tokio::time::sleep(due.saturating_sub(start.elapsed())).await;
            answers.retain(|it| it.status() == StatusCode::OK);
            let first = answers.swap_remove(0);
            let rest = tokio::time::timeout(Duration::from_secs(10), first.into_body().collect());
            assert!(rest.await.expect("it has an end").is_err(), "the whole answer was kept");
        }
    };
    let (seen, ()) =
        meter::measured(&sandbox, "attachments without a reader or an end", attack).await;
    println!("a bystander waited {usual:?} (p99) before, {:?} meanwhile", seen.p99);
    assert!(seen.peak_bytes < RESIDENT_MAX, "{} MB", seen.peak_bytes >> 20);
}
