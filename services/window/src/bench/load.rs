//! The load: declarations filed in a closed loop or at a rate, each followed to its release.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use client::{Config, Window};
use domain::documents::identity::check_character;
use futures::StreamExt as _;
use hdrhistogram::Histogram;
use prost::Message as _;
use proto::v1::{self, fact::Kind, submit_stream_response::Result as Item};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::Latency;
use crate::tasks::{Task, Tasks};

/// How declarations are filed.
#[derive(Debug, Clone, Copy)]
pub(super) enum FilingLoop {
    /// Over a few streams.
    Streams { streams: usize, in_flight: usize },
    /// By one call each.
    Unary { in_flight: usize },
}

/// Which declarations are inspected by both agencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InspectionShare {
    /// None.
    None,
    /// One in so many.
    OneIn(u64),
}

impl InspectionShare {
    fn is(self, number: u64) -> bool {
        match self {
            Self::None => false,
            Self::OneIn(many) => number.is_multiple_of(many.max(1)),
        }
    }
}

/// What a part of the measurement came to. Latencies are those of declarations that were not
/// inspected, where there are any.

#[derive(Debug)]
pub(super) struct RunResult {
    pub(super) released: u64,
    time: Duration,
    pub(super) latency: Latency,
}

impl RunResult {
    pub(super) fn per_second(&self) -> u64 {
        let ms = self.time.as_millis().clamp(1, u128::from(u64::MAX));
        let ms = u64::try_from(ms).unwrap_or(u64::MAX); // it was clamped
        self.released * 1_000 / ms
    }
}

/// A declaration between submit and release. Either may be seen first by this client.
enum Sighting {
    Receipt(OpenFiling),
    Release(Instant),
}

/// A declaration that was filed.
struct OpenFiling {
    start: Instant,
    /// Its latency is recorded.
    counts: bool,
    _permit: OwnedSemaphorePermit,
}

/// Releases as they are seen on `Watch`.
#[derive(Default)]
struct ReleaseTimes {
    open: Mutex<HashMap<String, Sighting>>,
    latencies: Mutex<Option<Histogram<u64>>>,
    submitted: AtomicU64,
    released: AtomicU64,
}

impl ReleaseTimes {
    fn receipt(&self, name: String, filed: OpenFiling) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.remove(&name) {
            Some(Sighting::Release(at)) => self.record(&filed, at),
            Some(Sighting::Receipt(_)) | None => {
                open.insert(name, Sighting::Receipt(filed));
            }
        }
    }

    fn release(&self, name: String, at: Instant) {
        self.released.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.remove(&name) {
            Some(Sighting::Receipt(filed)) => self.record(&filed, at),
            Some(Sighting::Release(_)) | None => {
                open.insert(name, Sighting::Release(at));
            }
        }
    }

    fn record(&self, filed: &OpenFiling, at: Instant) {
        if !filed.counts {
            return;
        }
        let latency = at.saturating_duration_since(filed.start);
        // See below.
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = latencies.as_mut() {
            // A latency that the histogram cannot hold would be over an hour.
            let _too_long = histogram.record(us);
        }
    }
}

/// A client that files and watches.
pub(super) struct Load {
    windows: Vec<Window>,
    board: Arc<ReleaseTimes>,
    template: v1::Declaration,
    declarants: usize,
    next: Arc<AtomicU64>,
    watch: Arc<tokio::sync::Mutex<Tasks>>,
}

/// Connections that the load is spread over.
const CONNECTIONS: usize = 8;

impl Load {
    /// Connects and begins to watch.
    pub(super) async fn start(config: &Config, declarants: usize) -> anyhow::Result<Self> {
        let mut windows = Vec::new();
        for _ in 0..CONNECTIONS {
            windows.push(Window::connect(config).await?);
        }
        let board = Arc::new(ReleaseTimes::default());
        let mut watching = Tasks::default();
        let watcher = Window::connect(config).await?;
        let mut news =
            watcher.declarations().watch(v1::WatchRequest::default()).await?.into_inner();
        let seen = Arc::clone(&board);
        watching.spawn(Task::Watch, async move {
            while let Some(update) = news.next().await {
                let update = update?;
                let now = Instant::now();
                let released = |f: &v1::Fact| matches!(f.kind, Some(Kind::Released(_)));
                if update.facts.iter().any(released) {
                    seen.release(update.name, now);
                }
            }
            Ok(())
        });
        let template = template();
        let next = Arc::new(AtomicU64::new(1));
        let declarants = declarants.max(1);
        let watch = Arc::new(watching.into());
        Ok(Self { windows, board, template, declarants, next, watch })
    }

    /// The same load of imports, which are released when their duty is secured.
    pub(super) fn of_imports(&self) -> anyhow::Result<Self> {
        Ok(Self {
            windows: self.windows.clone(),
            board: Arc::clone(&self.board),
            template: import_template()?,
            declarants: self.declarants,
            next: Arc::clone(&self.next),
            watch: Arc::clone(&self.watch),
        })
    }

    /// Files for a while, as fast as releases come back or at a rate a second, and waits for the
    /// last release.
    pub(super) async fn run(
        &self,
        how: FilingLoop,
        rate: Option<u64>,
        inspected: InspectionShare,
        time: Duration,
    ) -> anyhow::Result<RunResult> {
        *self.board.latencies.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Histogram::new(3)?);
        let in_flight = match how {
            FilingLoop::Streams { in_flight, .. } | FilingLoop::Unary { in_flight } => in_flight,
        };
        let room = Arc::new(Semaphore::new(in_flight));
        let before = self.board.released.load(Ordering::Relaxed);
        let start = Instant::now();
        let pace = Pace { start, end: start + time, rate, sent: Arc::default() };
        let mut senders = Tasks::default();
        let workers = match how {
            FilingLoop::Streams { streams, .. } => streams,
            FilingLoop::Unary { in_flight } => in_flight,
        };
        for worker in 0..workers {
            let filer = Filer {
                window: self.windows[worker % self.windows.len()].clone(),
                board: Arc::clone(&self.board),
                room: Arc::clone(&room),
                template: self.template.clone(),
                declarants: self.declarants,
                next: Arc::clone(&self.next),
                pace: pace.clone(),
                inspected,
            };
            senders.spawn(Task::Agency, async move {
                match how {
                    FilingLoop::Streams { .. } => filer.stream().await,
                    FilingLoop::Unary { .. } => filer.unary().await,
                }
            });
        }
        tokio::time::sleep(time).await;
        let took = start.elapsed();
        let released = self.board.released.load(Ordering::Relaxed) - before;
        let drained = async {
            senders.done(Duration::from_secs(60)).await.context("the load")?;
            // Every permit is back when everything that was filed is released.
            let all = u32::try_from(in_flight)?;
            let all = tokio::time::timeout(Duration::from_secs(60), room.acquire_many(all)).await;
            all.context("some declarations were not released within a minute")?
                .context("no more room")
        };
        let mut watch = self.watch.lock().await;
        // Without it no release is seen.
        let permits = tokio::select! {
            drained = drained => drained?,
            ended = watch.failed() => return Err(ended.context("watching the releases")),
        };
        drop((watch, permits));
        let histogram = self.board.latencies.lock().unwrap_or_else(PoisonError::into_inner).take();
        let at = |q: f64| histogram.as_ref().map_or(0, |h| h.value_at_quantile(q));
        let latency = Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
        Ok(RunResult { released, time: took, latency })
    }

    /// Declarations that were acknowledged, and releases that were seen.
    pub(super) fn totals(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.board.submitted), read(&self.board.released))
    }
}

/// When the next one is due.
#[derive(Clone)]
struct Pace {
    start: Instant,
    end: Instant,
    rate: Option<u64>,
    sent: Arc<AtomicU64>,
}

impl Pace {
    /// Waits until the next one is due; its due time, or `None` when the time is over. Latency
    /// counts from the due time, so that a stall is not hidden.
    async fn next(&self) -> Option<Instant> {
        let due = match self.rate {
            None => Instant::now(),
            Some(rate) => {
                let nth = self.sent.fetch_add(1, Ordering::Relaxed);
                self.start + Duration::from_micros(nth * 1_000_000 / rate.max(1))
            }
        };
        if due >= self.end {
            return None;
        }
        // A timer has a grain of a millisecond, which would be the limit of a stream.
        if due > Instant::now() {
            tokio::time::sleep_until(due.into()).await;
        }
        Some(due)
    }
}

struct Filer {
    window: Window,
    board: Arc<ReleaseTimes>,
    room: Arc<Semaphore>,
    template: v1::Declaration,
    declarants: usize,
    next: Arc<AtomicU64>,
    pace: Pace,
    inspected: InspectionShare,
}

impl Filer {
    /// The next declaration, and whether its latency is recorded.
    fn request(&self) -> (v1::SubmitRequest, bool) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let looked_at = self.inspected.is(number);
        let mut declaration = self.template.clone();
        // No machine that we run on has a wider usize.
        let declarants = u64::try_from(self.declarants).unwrap_or(u64::MAX);
        let code = format!("37029{:05}", number % declarants);
        // Both agencies want to look, and the simulated site is quick.
        let script = if looked_at { "SBX-EXAMINE0-INSPECT-" } else { "BENCH-" };
        declaration.order_no = format!("{script}{number:012}");
        declaration.cop_no = format!("B{number:012}");
        for party in [&mut declaration.declarant, &mut declaration.ebc].into_iter().flatten() {
            party.code.clone_from(&code);
        }
        if let Some(buyer) = &mut declaration.buyer {
            buyer.id_number = person(number / PURCHASES);
            declaration.assure_code.clone_from(&code);
            declaration.logistics_no.clone_from(&declaration.order_no);
        }
        let request = v1::SubmitRequest {
            request_id: Uuid::now_v7().to_string(),
            declaration: Some(declaration),
            validate_only: false,
            pre_no: String::new(),
        };
        (request, !looked_at || self.inspected == InspectionShare::OneIn(1))
    }

    async fn unary(self) -> anyhow::Result<()> {
        let mut service = self.window.declarations();
        while let Some(due) = self.pace.next().await {
            let permit = Arc::clone(&self.room).acquire_owned().await?;
            let (request, counts) = self.request();
            let receipt = service.submit(request).await?.into_inner();
            self.board.receipt(receipt.name, OpenFiling { start: due, counts, _permit: permit });
        }
        Ok(())
    }

    async fn stream(self) -> anyhow::Result<()> {
        let (sender, receiver) = mpsc::channel(256);
        let (started, mut begun) = mpsc::unbounded_channel();
        let mut service = self.window.declarations();
        let answers = service.submit_stream(ReceiverStream::new(receiver));
        let filing = async {
            while let Some(due) = self.pace.next().await {
                let permit = Arc::clone(&self.room).acquire_owned().await?;
                let (request, counts) = self.request();
                started.send(OpenFiling { start: due, counts, _permit: permit })?;
                sender.send(v1::SubmitStreamRequest { item: Some(request) }).await?;
            }
            drop((sender, started));
            anyhow::Ok(())
        };
        let answering = async {
            let mut answers = answers.await?.into_inner();
            while let Some(answer) = answers.message().await? {
                let filed = begun.recv().await.context("an answer without a question")?;
                match answer.result {
                    Some(Item::Receipt(receipt)) => self.board.receipt(receipt.name, filed),
                    other => anyhow::bail!("a declaration of the load was refused: {other:?}"),
                }
            }
            Ok(())
        };
        tokio::try_join!(filing, answering)?;
        Ok(())
    }
}

/// Imports of one person: each is worth 80 yuan, of 26,000 a year.
const PURCHASES: u64 = 300;

/// The identity number of somebody born after 1950.
fn person(number: u64) -> String {
    let (serial, days) = (number % 1_000, number / 1_000);
    let (day, month, year) = (1 + days % 28, 1 + days / 28 % 12, 1950 + days / 336 % 50);
    let digits = format!("110101{year:04}{month:02}{day:02}{serial:03}");
    let check = check_character(&digits);
    digits.chars().chain(check).collect()
}

/// An import of a usual size: eight lines, each taxed, of a buyer.
fn import_template() -> anyhow::Result<v1::Declaration> {
    let example = include_str!("../../../../docs/examples/import-9610.json");
    let mut import: v1::Declaration = serde_json::from_str(example)?;
    let cny = |amount_e5| Some(v1::Money { currency: "142".into(), amount_e5 });
    let line = import.lines.pop().context("the example has lines")?;
    let line = |gnum: u32| v1::GoodsLine {
        gnum,
        item_no: format!("QD-SKU-{gnum:06}"),
        price: cny(1_000_000),
        total_price: cny(1_000_000),
        ..line.clone()
    };
    import.lines = (1..=8).map(line).collect();
    (import.freight, import.order) = (cny(0), None);
    Ok(import)
}

/// Size of the message that is filed.
pub(super) fn message_bytes() -> usize {
    template().encoded_len()
}

/// A declaration of a usual size: export, eight lines.
pub(super) fn template() -> v1::Declaration {
    let party = |code: &str, name: &str| Some(v1::Party { code: code.into(), name: name.into() });
    let cny = |amount_e5| Some(v1::Money { currency: "142".into(), amount_e5 });
    let quantity = |unit: &str, value_e5| Some(v1::Quantity { unit: unit.into(), value_e5 });
    let line = |gnum: u32| v1::GoodsLine {
        gnum,
        item_no: format!("QD-SKU-{gnum:06}"),
        item_name: "不锈钢保温杯".into(),
        gcode: "9617009000".into(),
        gname: "不锈钢真空保温杯".into(),
        gmodel: "品牌:海之星|容量:500ml|材质:304不锈钢|无电热功能".into(),
        bar_code: "6901234567892".into(),
        country: "502".into(),
        qty: quantity("007", 200_000),
        qty1: quantity("035", 80_000),
        price: cny(4_550_000),
        total_price: cny(9_100_000),
        ..Default::default()
    };
    v1::Declaration {
        ie_flag: v1::Direction::Export.into(),
        trade_mode: "9610".into(),
        customs_code: "4258".into(),
        port_code: "4258".into(),
        order_no: "BENCH-000000000000".into(),
        cop_no: "B000000000000".into(),
        logistics_no: "SF20261124000001".into(),
        declarant: party("3702900000", "青岛海之星跨境电商有限公司"),
        ebc: party("3702900000", "青岛海之星跨境电商有限公司"),
        ebp: party("3702960009", "海之星商城"),
        logistics: party("3702980007", "青岛速达国际物流有限公司"),
        owner: party("3702900000", "青岛海之星跨境电商有限公司"),
        traf_mode: "5".into(),
        traf_no: "CA8512".into(),
        voyage_no: "20261124".into(),
        bill_no: "999-12345675".into(),
        country: "502".into(),
        pod: "USA".into(),
        statistics_flag: "A".into(),
        ie_date: "20261124".into(),
        freight: cny(3_000_000),
        f_flag: "3".into(),
        insured_fee: cny(0),
        i_flag: "3".into(),
        wrap_type: "2".into(),
        pack_no: 1,
        gross_weight_e5: 720_000,
        net_weight_e5: 640_000,
        lines: (1..=8).map(line).collect(),
        ..Default::default()
    }
}
