//! What an attack costs: how long a bystander waits, and what the window needs meanwhile.

use std::time::{Duration, Instant};

use proto::v1;

use crate::harness::Sandbox;
use crate::harness::people::{export, filing};

/// A bystander may wait this long during an attack, on a busy machine with the attacker on it.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Memory that an attack may cost.
const GROWTH_BYTES_MAX: u64 = 150 * 1024 * 1024;

/// What was seen during an attack.
#[derive(Debug)]
pub(crate) struct Seen {
    /// How long a bystander waited for an answer.
    pub(crate) p99: Duration,
    /// The most memory that the window had at any time.
    pub(crate) peak_bytes: u64,
}

/// What a bystander does while others attack: it reads a declaration of its own, again and again.
struct Bystander {
    window: client::Window,
    name: String,
    waits: Vec<Duration>,
}

impl Bystander {
    async fn of(sandbox: &Sandbox) -> Self {
        let window = sandbox.connect("enterprise-b").await;
        let mut declaration = export(&format!("QD-{}", uuid::Uuid::now_v7().simple()));
        for party in [&mut declaration.declarant, &mut declaration.ebc, &mut declaration.owner] {
            party.as_mut().expect("named").code = "3702960002".to_owned();
        }
        let filed = window.declarations().submit(filing(declaration)).await;
        let name = filed.expect("a bystander is served before").into_inner().name;
        let mut bystander = Self { window, name, waits: Vec::new() };
        bystander.ask().await;
        bystander.waits.clear();
        bystander
    }

    async fn ask(&mut self) {
        let start = Instant::now();
        let request = v1::GetRequest { name: self.name.clone(), ..Default::default() };
        self.window.declarations().get(request).await.expect("a bystander is served");
        self.waits.push(start.elapsed());
    }

    async fn go_on(&mut self) -> ! {
        loop {
            self.ask().await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn p99(&mut self) -> Duration {
        self.waits.sort();
        self.waits.get(self.waits.len() * 99 / 100).copied().unwrap_or_default()
    }
}

/// How long a bystander waits (p99) while nothing else happens.
pub(crate) async fn calm(sandbox: &Sandbox) -> Duration {
    let mut bystander = Bystander::of(sandbox).await;
    let _over = tokio::time::timeout(Duration::from_secs(2), bystander.go_on()).await;
    bystander.p99()
}

/// Runs an attack beside a bystander, and says what came of both.
pub(crate) async fn beside<T>(sandbox: &Sandbox, what: &str, attack: impl Future<Output = T>) -> T {
    measured(sandbox, what, attack).await.1
}

/// The same, for whoever wants to know more.
pub(crate) async fn measured<T>(
    sandbox: &Sandbox,
    what: &str,
    attack: impl Future<Output = T>,
) -> (Seen, T) {
    let mut bystander = Bystander::of(sandbox).await;
    let (before, start) = (memory_bytes(sandbox), Instant::now());
    let mut peak_bytes = before;
    let watch = async {
        loop {
            peak_bytes = peak_bytes.max(memory_bytes(sandbox));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let outcome = tokio::select! {
        outcome = attack => outcome,
        never = bystander.go_on() => never,
        never = watch => never,
    };
    let (after, p99) = (memory_bytes(sandbox), bystander.p99());
    println!(
        "{what}: {:.1} s, a bystander waited {} ms (p99 of {}), memory {} MB, before {} MB, at the \
         most {} MB",
        start.elapsed().as_secs_f32(),
        p99.as_millis(),
        bystander.waits.len(),
        after >> 20,
        before >> 20,
        peak_bytes >> 20
    );
    assert!(p99 < WAIT_MAX, "{what}: the bystander waited {p99:?}");
    assert!(after < before + GROWTH_BYTES_MAX, "{what}: from {before} to {after}");
    (Seen { p99, peak_bytes }, outcome)
}

/// The process of the window.
pub(crate) fn pid(sandbox: &Sandbox) -> u32 {
    sandbox.pid()
}

/// Resident memory of the window.
pub(crate) fn memory_bytes(sandbox: &Sandbox) -> u64 {
    status_bytes(pid(sandbox), "VmRSS:")
}

/// What Linux says of the memory of a process.
pub(crate) fn status_bytes(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says");
    let kb = line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok());
    kb.expect("a number") * 1024
}

/// The processes of the window and its PostgreSQL.
pub(crate) fn processes(sandbox: &Sandbox) -> Vec<u32> {
    each_process(sandbox).into_iter().map(|(process, _)| process).collect()
}

/// How long the window and its PostgreSQL have been at work, in hundredths of a second: a measure of what
/// something costs that does not depend on what else the machine does.
pub(crate) fn work_done(sandbox: &Sandbox) -> u64 {
    each_process(sandbox).into_iter().map(|(_, work)| work).sum()
}

/// Their processes, and how long each has been at work.
fn each_process(sandbox: &Sandbox) -> Vec<(u32, u64)> {
    let postmaster = sandbox.postgres().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("Linux").flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat"));
        // Not a process, or one that ended meanwhile.
        let Ok(stat) = stat else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let id = name.split_whitespace().next().and_then(|id| id.parse::<u32>().ok());
        let field: Vec<u64> = rest.split_whitespace().map(|f| f.parse().unwrap_or(0)).collect(); // signs
        let parent = field.get(1).and_then(|parent| u32::try_from(*parent).ok());
        let is_theirs = |id| id == pid(sandbox) || Some(id) == postmaster || parent == postmaster;
        found.extend(id.filter(|id| is_theirs(*id)).map(|id| (id, field[11] + field[12])));
    }
    found
}
