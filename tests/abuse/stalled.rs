//! Streams that are opened and never read: watches, filings and seats at the exchange, of callers who give
//! no room for an answer, or room for a part of the first one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use client::Config;
use domain::limits::READ_SECONDS_MAX;
use futures::future::join_all;
use futures::{FutureExt as _, StreamExt as _};
use prost::Message as _;
use proto::v1::{self, connect_request::Frame as Out, connect_response::Frame as In};
use tonic::codegen::http::uri::PathAndQuery;

use crate::bare::BareProcess;
use crate::harness::exchange::Stream;
use crate::harness::people::{Enterprise, export, filing};
use crate::memory::{RESIDENT_MAX, Raw, SUBMIT_STREAM, Unread, WATCH, crowd, narrow};
use crate::{meter, times};

const CONNECT: &str = "/single_window.exchange.v1.ExchangeService/Connect";
/// Bytes of answers that a stream takes before somebody reads it: none, and less than its first answer.
const ROOMS: [u32; 2] = [0, 200];
/// Watches of each of ten callers.
const WATCHES: usize = 30;
/// Connections of each on which filings stream; on two streams, which is as much as one may send unread.
const FILING_CONNECTIONS: usize = 4;
const FILING_STREAMS: usize = 2;
/// Consumers of customs that read nothing, for each room.
const SEATS: usize = 20;
/// Declarations that customs has to see meanwhile, of as many declarants.
const DECLARATIONS: usize = 60;
/// What is not read is over by then, on a busy machine.
const OVER: Duration = Duration::from_secs(READ_SECONDS_MAX + 10);
/// Slots of consumers that do nothing belong to the other one by then: a few leases of 15 s, since one that has
/// nothing to take still takes heartbeats for a while.
const HANDED_OVER: Duration = Duration::from_secs(90);

/// Opens a stream that goes on saying this, and reads nothing of what is answered.
async fn open(
    channel: &tonic::transport::Channel,
    path: &'static str,
    said: impl futures::Stream<Item = Bytes> + Send + 'static,
) -> Option<Unread> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.ok()?;
    let request = tonic::Request::new(said);
    let answer = grpc.streaming(request, PathAndQuery::from_static(path), Raw).await;
    answer.ok().map(tonic::Response::into_inner)
}

/// Watches without a reader.
async fn watches(config: &Config, room: u32, many: usize) -> Vec<Unread> {
    let Some(channel) = narrow(config, room).await else { return Vec::new() };
    let request = || futures::stream::once(std::future::ready(Bytes::new()));
    let opened = (0..many).map(|_| open(&channel, WATCH, request()));
    join_all(opened).await.into_iter().flatten().collect()
}

/// Streams that file as long as they are let, on a connection of their own.
async fn filings(config: &Config, room: u32, number: usize) -> Vec<Unread> {
    let Some(channel) = narrow(config, room).await else { return Vec::new() };
    let opened = (0..FILING_STREAMS).map(|stream| {
        let item = Some(filing(export(&format!("QDUNREAD-{number}-{stream}"))));
        let item = Bytes::from(v1::SubmitStreamRequest { item }.encode_to_vec());
        open(&channel, SUBMIT_STREAM, futures::stream::repeat(item))
    });
    join_all(opened).await.into_iter().flatten().collect()
}

/// Consumers of customs that take a seat and read nothing.
async fn seats(config: &Config, room: u32) -> Vec<Unread> {
    let Some(channel) = narrow(config, room).await else { return Vec::new() };
    let opened = (0..SEATS).map(|seat| {
        let open_frame = Out::Open(v1::Open {
            subscriber: v1::Subscriber::Customs.into(),
            consumer: format!("unread-{room}-{seat}"),
            ..Default::default()
        });
        let said = Bytes::from(v1::ConnectRequest { frame: Some(open_frame) }.encode_to_vec());
        let said = futures::stream::iter([said]).chain(futures::stream::pending());
        open(&channel, CONNECT, said)
    });
    join_all(opened).await.into_iter().flatten().collect()
}

/// Whether it has ended: what came before is read, and nothing comes after it.
async fn has_ended(mut unread: Unread) -> bool {
    let end = async { while unread.message().await.is_ok_and(|message| message.is_some()) {} };
    tokio::time::timeout(Duration::from_secs(2), end).await.is_ok()
}

/// A consumer that reads: how long until it has every slot, and has seen so many declarations.
async fn reads(window: &client::Window, declarations: usize) -> Duration {
    let start = Instant::now();
    let customs = Stream::open(window, v1::Agency::Customs, "reads", Vec::new(), 0).await;
    let mut customs = customs.expect("it may");
    let mut seen = BTreeSet::new();
    while customs.slots < 256 || seen.len() < declarations {
        match customs.next().await.expect("who reads goes on") {
            In::Opened(opened) => customs.slots = opened.slots.len(),
            In::Batch(batch) => {
                for event in batch.events {
                    customs.acknowledge(&event).await;
                    seen.insert(event.declaration_id);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_nobody_reads_end_and_cost_nobody_anything() {
    let _turn = crate::alone().await;
    let (sandbox, crowd) = crowd().await;
    let agent = Enterprise(client::Window::connect(&crowd[0]).await.expect("it listens"));
    let customs = sandbox.connect("customs").await;
    let usual = meter::calm(&sandbox).await;

    // The control keeps what nobody reads.
    let bare = BareProcess::start(&sandbox);
    let kept = watches(&bare.config(&crowd[0]), 0, WATCHES).await;
    assert_eq!(kept.len(), WATCHES);

    let attack = async {
        let customs_config = sandbox.config("customs");
        let seats = join_all(ROOMS.map(|room| seats(&customs_config, room))).await;
        let filed = (0..DECLARATIONS).map(|n| {
            let mut content = export(&format!("QDSEEN-{n:03}"));
            for party in [&mut content.declarant, &mut content.ebc, &mut content.owner] {
                party.as_mut().expect("named").code = format!("37029{n:05}");
            }
            agent.tries(filing(content))
        });
        let filed = join_all(filed).await;
        assert!(filed.iter().all(Result::is_ok), "{:?}", filed.iter().find(|it| it.is_err()));
        let connections = FILING_CONNECTIONS * times().min(3);
        // A few take part of an answer; what the others say is not even read.
        let one = |n: usize| filings(&crowd[n % crowd.len()], ROOMS[usize::from(n < 4)], n);
        let watching = crowd.iter().enumerate();
        let watching = watching.map(|(n, config)| watches(config, ROOMS[n % ROOMS.len()], WATCHES));
        let filing = futures::stream::iter((0..crowd.len() * connections).map(one));
        let filing = filing.buffer_unordered(16).collect::<Vec<_>>();
        let (watching, filing, handed_over) =
            tokio::join!(join_all(watching), filing, reads(&customs, DECLARATIONS));
        let [watching, filing] =
            [watching, filing].map(|all| all.into_iter().flatten().collect::<Vec<_>>());
        println!(
            "{} watches, {} streams that file and {} seats are not read; customs has all slots and \
             all declarations after {handed_over:?}",
            watching.len(),
            filing.len(),
            seats.iter().flatten().count(),
        );
        assert!(handed_over < HANDED_OVER, "{handed_over:?}");
        assert!(watching.len() == crowd.len() * WATCHES && !filing.is_empty());
        // From here on nobody opens anything more, and nobody reads.
        tokio::time::sleep(OVER).await;
        let ended = join_all(watching.into_iter().chain(filing).map(has_ended)).await;
        let left = ended.iter().filter(|ended| !**ended).count();
        assert_eq!(left, 0, "of {}: what nobody reads has an end", ended.len());
        drop(seats);
    };
    let (seen, ()) = meter::measured(&sandbox, "streams that nobody reads", attack).await;
    println!("a bystander waited {usual:?} (p99) before, {:?} meanwhile", seen.p99);
    assert!(seen.peak_bytes < RESIDENT_MAX, "{} MB", seen.peak_bytes >> 20);
    for mut stream in kept {
        assert!(stream.message().now_or_never().is_none(), "the control keeps it");
    }
}
