//! A disk that fills up: reading goes on, filing is refused in time, agencies still decide, and it lifts
//! by itself.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use client::{Config, Window};
use proto::v1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::harness::exchange::{Stream, verdict};
use crate::harness::people::{Enterprise, code, export, filing};
use crate::harness::{PATIENCE, Sandbox, binary, data_dir};
use crate::wire::tls;

/// What must be free, and what the disk has.
const LEAST_MB: u64 = 120;
const DISK_MB: u64 = 500;

/// A sandbox on a disk of its own, which nobody else sees.
struct Disk {
    process: Child,
    /// As its process sees it.
    inside: PathBuf,
    _directory: tempfile::TempDir,
}

impl Disk {
    /// `None` where disks may not be made.
    fn start() -> Option<Self> {
        let directory = data_dir();
        let at = directory.path().display();
        let program = binary().display().to_string();
        let script = format!(
            "mount -t tmpfs -o size={DISK_MB}m,mode=755 tmpfs {at} || exit 99; \
             exec {program} sandbox --quiet --no-agencies --no-inspection --drain-seconds 1 \
             --listen 127.0.0.1:0 --free-space-least {LEAST_MB} --data-dir {at} 2>{at}/log"
        );
        let process = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let inside = format!("/proc/{}/root{}", process.id(), directory.path().display());
        let mut disk = Self { process, inside: inside.into(), _directory: directory };
        let start = Instant::now();
        while !disk.inside.join("address").exists() {
            if disk.process.try_wait().expect("our child").is_some() {
                return None;
            }
            assert!(start.elapsed() < PATIENCE, "it did not start: {}", disk.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(disk)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.inside.join("log")).unwrap_or_default()
    }

    fn config(&self, caller: &str) -> Config {
        let read = |name: String| std::fs::read(self.inside.join(name)).expect("made");
        Config {
            address: String::from_utf8(read("address".to_owned())).expect("text"),
            authority: read("identities/authority.pem".to_owned()),
            certificate: read(format!("identities/{caller}.pem")),
            key: read(format!("identities/{caller}.key")),
            api_key: String::new(),
        }
    }

    fn free_mb(&self) -> u64 {
        let found = rustix::fs::statvfs(&self.inside).expect("it is there");
        (found.f_bavail * found.f_frsize) >> 20
    }

    /// Fills it until so much is free.
    fn fill(&self, free_mb: u64) {
        let file = self.inside.join("ballast");
        let mut file =
            std::fs::OpenOptions::new().create(true).append(true).open(file).expect("ours");
        let some = vec![0; 1 << 20];
        while self.free_mb() > free_mb && file.write_all(&some).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let log = self.log();
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        let told = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        let ended = self.process.wait();
        if std::thread::panicking() {
            println!("{told:?}, {ended:?}\n{log}");
        }
    }
}

/// Whether space is short; `None` in the moment in which status and health differ.
async fn is_short(window: &Window) -> Option<bool> {
    let status = window.status().get_status(v1::GetStatusRequest {}).await.expect("it answers");
    let storage = status.into_inner().storage.expect("the database is the window's own");
    let health = HealthCheckRequest { service: "storage".to_owned() };
    let health = HealthClient::new(window.channel()).check(health).await.expect("it answers");
    let short = health.into_inner().status() != ServingStatus::Serving;
    (storage.short == short).then_some(short)
}

async fn becomes(window: &Window, short: bool) -> Duration {
    let start = Instant::now();
    while is_short(window).await != Some(short) {
        assert!(start.elapsed() < Duration::from_secs(10), "short should be {short}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    start.elapsed()
}

/// Everything that a firm files is refused, and says when to come again.
async fn files_nothing(firm: &Enterprise, config: &Config) {
    let status = firm.tries(filing(export("QD-SPACE-2"))).await.expect_err("space is short");
    assert_eq!((code(&status).0.as_str(), status.code()), ("SW-1503", tonic::Code::Unavailable));
    let retry = status.get_details_retry_info().and_then(|info| info.retry_delay);
    assert_eq!(retry, Some(Duration::from_secs(5)));
    // A key is ended all the same; there is none of this id.
    let revoke = v1::RevokeKeyRequest { id: uuid::Uuid::nil().to_string() };
    let status = firm.0.operation().revoke_key(revoke).await.expect_err("there is none");
    assert_eq!(code(&status).0, "SW-1201");
    let mut http = tls(config).await.expect("TLS");
    let post =
        "POST /ceb HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\n<";
    http.write_all(post.as_bytes()).await.expect("it is read");
    let mut answer = Vec::new();
    let _ended = http.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("SW-1503"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("retry-after: 5"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_filing_and_nothing_else() {
    let _turn = crate::alone().await;
    let Some(disk) = Disk::start() else {
        println!("skipped: no disk can be made here");
        return;
    };
    let config = disk.config("agent");
    let start = Instant::now();
    let window = loop {
        match Window::connect(&config).await {
            Ok(window) => break window,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let firm = Enterprise(window.clone());
    let receipt = firm.files("QD-SPACE-1").await;
    assert_eq!(is_short(&window).await, Some(false), "{} MB are free", disk.free_mb());
    // A stream that files is open already.
    let (say, said) = tokio::sync::mpsc::channel(4);
    let item = |order: &str| v1::SubmitStreamRequest { item: Some(filing(export(order))) };
    say.send(item("QD-SPACE-3")).await.expect("ours");
    let said = tokio_stream::wrappers::ReceiverStream::new(said);
    let answers = window.declarations().submit_stream(said).await.expect("it opens");
    let mut answers = answers.into_inner();
    answers.message().await.expect("it is filed").expect("an answer");

    disk.fill(LEAST_MB / 2);
    println!("space runs short: noticed after {:?}", becomes(&window, true).await);
    files_nothing(&firm, &config).await;
    say.send(item("QD-SPACE-4")).await.expect("ours");
    let ended = answers.message().await.expect_err("the stream files no more");
    assert_eq!(code(&ended).0, "SW-1503");
    // Agencies decide about what is there.
    let customs = Window::connect(&disk.config("customs")).await.expect("it listens");
    let mut stream = Stream::open(&customs, v1::Agency::Customs, "c", Vec::new(), 0).await;
    let stream = stream.as_mut().expect("it opens");
    let event = stream.events(1).await.remove(0);
    let decided = stream.decides(verdict(&event, v1::Outcome::Accepted)).await;
    assert_eq!(decided.result(), v1::ResultCode::Applied, "{decided:?}");

    // Nothing is left at all: reading goes on.
    disk.fill(0);
    assert_eq!(disk.free_mb(), 0);
    for _ in 0..30 {
        assert_eq!(firm.reads(&receipt.name).await.name, receipt.name);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    files_nothing(&firm, &config).await;

    std::fs::remove_file(disk.inside.join("ballast")).expect("ours");
    println!("there is space again: noticed after {:?}", becomes(&window, false).await);
    firm.files("QD-SPACE-5").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_may_start_where_space_is_short() {
    let _turn = crate::alone().await;
    let mut sandbox = Sandbox::alone(&["--no-agencies"]).await;
    let receipt = Enterprise(sandbox.connect("agent").await).files("QD-SPACE-1").await;
    assert_eq!(sandbox.stop(), Some(Ok(())));
    // More than any disk has.
    sandbox.args.extend(["--free-space-least".to_owned(), "1000000000000".to_owned()]);
    sandbox.spawn();
    sandbox.ready().await;
    let firm = Enterprise(sandbox.connect("agent").await);
    becomes(&firm.0, true).await;
    files_nothing(&firm, &sandbox.config("agent")).await;
    assert_eq!(firm.reads(&receipt.name).await.name, receipt.name);
}
