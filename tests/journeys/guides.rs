//! README and guides show what today's program prints: their commands are run, in order, against a
//! sandbox of their own, and what they print is compared with what stands there.
//!
//! A fenced block ```` ```console ```` is a session: lines that begin with `$ ` are commands, the lines
//! below are what they print. A block ```` ```sh ```` is a list of commands whose output does not stand
//! there; each must succeed, or end as its comment says (`# … exit code 4`). Other blocks are not run.
//!
//! Compared are words and columns: numbers, ids and times are masked, widths do not count, `…` stands for
//! anything, and lines that tell events by their times are compared as a set of what happened, since two
//! agencies work at the same time.
//!
//! `make guides` writes what is printed now into the guides, where it differs; look at the difference
//! and commit it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::cluster::block_on;
use crate::harness::{PATIENCE, binary, data_dir, eventually, workspace};

/// How often, and how long apart, something is read again that is not yet as the guide says.
const RETRIES: usize = 10;
const RETRY: Duration = Duration::from_millis(500);
/// The port of the window in the guides, unless they name another.
const PORT: &str = "7443";
/// Where the guides say that data is, unless they start a sandbox with other flags.
const DATA_DIR: &str = "/var/lib/single-window";

#[test]
fn the_readme_shows_what_is_printed() {
    Guide::read("README.md").holds();
}

#[test]
fn the_guide_of_the_sandbox_shows_what_is_printed() {
    Guide::read("docs/sandbox.md").holds();
}

#[test]
fn the_guide_of_national_messages_shows_what_is_printed() {
    Guide::read("docs/ceb.md").holds();
}

#[test]
fn the_guide_of_inspections_shows_what_is_printed() {
    Guide::read("docs/inspection.md").holds();
}

#[test]
fn the_guide_of_the_interface_shows_what_is_printed() {
    Guide::read("docs/api.md").holds();
}

#[test]
fn the_guide_of_files_of_banks_shows_what_is_printed() {
    Guide::read("docs/bank-files.md").holds();
}

#[test]
fn the_guide_of_taxes_shows_what_is_printed() {
    Guide::read("docs/tax.md").holds();
}

#[test]
fn the_guide_of_payment_shows_what_is_printed() {
    Guide::read("docs/payment.md").holds();
}

#[test]
fn the_guide_of_operators_can_be_followed() {
    Guide::read("docs/operating.md").holds();
}

#[test]
fn the_guide_of_one_parcel_holds() {
    Guide::read("docs/one-parcel.md").holds();
}

/// A command of a guide and what it prints there.
#[derive(Debug)]
struct Step {
    command: String,
    /// Lines of the guide that hold the output, from 0.
    output: std::ops::Range<usize>,
    /// Whether the output is compared.
    shown: bool,
}

impl Step {
    /// Whether it changes nothing.
    fn reads(&self) -> bool {
        const READING: [&str; 14] = [
            " list",
            " get ",
            " show ",
            " receipts ",
            " documents",
            " watch ",
            "pay accounts",
            "pay bills",
            "pay duties",
            "pay entries",
            "pay holds",
            "pay orders",
            "pay sales",
            "pay settlements",
        ];
        READING.iter().any(|word| self.command.contains(word)) && !self.command.contains("--once")
    }
}

struct Guide {
    name: &'static str,
    lines: Vec<String>,
    steps: Vec<Step>,
}

impl Guide {
    fn read(name: &'static str) -> Self {
        let text = std::fs::read_to_string(workspace().join(name)).expect("the guide is there");
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let steps = steps(name, &lines);
        Self { name, lines, steps }
    }

    fn holds(&self) {
        let place = Place::new(self);
        let mut wrong = Vec::new();
        for step in &self.steps {
            let expected = &self.lines[step.output.clone()];
            let fits_what = |printed: &[String]| !step.shown || same(expected, printed);
            let (mut printed, mut exit) = place.run(step);
            // What is read may still be on its way.
            for _ in 0..if step.reads() { RETRIES } else { 0 } {
                if fits_what(&printed) {
                    break;
                }
                std::thread::sleep(RETRY);
                (printed, exit) = place.run(step);
            }
            let fits = fits_what(&printed);
            let allowed = if step.shown { exit != 2 } else { exit == promised_exit(&step.command) };
            if !fits || !allowed {
                wrong.push((step, printed, exit));
            }
        }
        if wrong.is_empty() {
            return;
        }
        let write = std::env::var_os("SW_GUIDES").is_some_and(|wish| wish == "write");
        if write {
            self.rewrite(&wrong);
        }
        let mut text = String::new();
        for (step, printed, exit) in &wrong {
            let line = step.output.start;
            let _infallible = writeln!(
                text,
                "{}:{line}: exit code {exit}\n$ {}\n--- stands there\n{}\n--- is printed\n{}\n",
                self.name,
                step.command,
                self.lines[step.output.clone()].join("\n"),
                printed.join("\n"),
            );
        }
        panic!("{text}`make guides` writes what is printed now");
    }

    fn rewrite(&self, wrong: &[(&Step, Vec<String>, i32)]) {
        let mut lines = self.lines.clone();
        for (step, printed, _) in wrong.iter().rev().filter(|(step, ..)| step.shown) {
            lines.splice(step.output.clone(), printed.iter().cloned());
        }
        std::fs::write(workspace().join(self.name), lines.join("\n") + "\n").expect("ours");
    }
}

/// The commands of a guide.
fn steps(name: &str, lines: &[String]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(info) = lines[at].trim_start().strip_prefix("```") else {
            at += 1;
            continue;
        };
        let rest = lines[at + 1..].iter().position(|line| line.trim_start().starts_with("```"));
        let end = at + 1 + rest.unwrap_or_else(|| panic!("{name}:{}: a block has no end", at + 1));
        match info.trim() {
            "console" => session(lines, at + 1..end, &mut steps),
            "sh" => list(lines, at + 1..end, &mut steps),
            // A whole inspection takes days, and officers.
            "text" if name == "docs/inspection.md" => {}
            _ => {
                let hidden =
                    lines[at + 1..end].iter().find(|line| line.starts_with("$ single-window"));
                assert!(
                    hidden.is_none(),
                    "{name}:{}: mark it ```console, so that it is run",
                    at + 1
                );
            }
        }
        at = end + 1;
    }
    steps
}

/// A command that goes on in the next lines, and the line after it.
fn command(lines: &[String], mut at: usize, first: &str) -> (String, usize) {
    let mut command = first.to_owned();
    while command.ends_with('\\') {
        at += 1;
        let _infallible = write!(command, "\n{}", lines[at]);
    }
    (command, at + 1)
}

fn session(lines: &[String], block: std::ops::Range<usize>, steps: &mut Vec<Step>) {
    let mut at = block.start;
    while at < block.end {
        let first = lines[at].strip_prefix("$ ").expect("a session begins with a command");
        let (command, from) = command(lines, at, first);
        let next = (from..block.end).find(|line| lines[*line].starts_with("$ "));
        let until = next.unwrap_or(block.end);
        steps.push(Step { command, output: from..until, shown: true });
        at = until;
    }
}

fn list(lines: &[String], block: std::ops::Range<usize>, steps: &mut Vec<Step>) {
    let mut at = block.start;
    while at < block.end {
        let (command, next) = command(lines, at, &lines[at]);
        if !command.trim().is_empty() {
            steps.push(Step { command, output: next..next, shown: false });
        }
        at = next;
    }
}

/// `# …, exit code 4`.
fn promised_exit(command: &str) -> i32 {
    let told = command.split_once('#').and_then(|(_, comment)| comment.split_once("exit code "));
    let digits = told.map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect());
    digits.and_then(|digits: String| digits.parse().ok()).unwrap_or_default()
}

/// Where the commands of a guide are run: a sandbox, and a directory instead of `/tmp`.
struct Place {
    directory: tempfile::TempDir,
    sandbox: Child,
    /// The data directory as the guide calls it.
    called: String,
    /// The port as the guide has it.
    port: String,
    /// Commands find the sandbox by themselves: the guide starts no window of its own.
    finds_sandbox: bool,
}

impl Place {
    fn new(guide: &Guide) -> Self {
        let directory = data_dir();
        std::fs::create_dir(directory.path().join("tmp")).expect("the directory is ours");
        let start = guide.steps.iter().map(|step| step.command.as_str()).find(|it| is_start(it));
        let words: Vec<&str> = start.unwrap_or_default().split_whitespace().collect();
        let data = words.iter().position(|word| *word == "--data-dir");
        let called = data.and_then(|at| words.get(at + 1)).unwrap_or(&DATA_DIR);
        let listen = words.iter().position(|word| *word == "--listen");
        let address = listen.and_then(|at| words.get(at + 1));
        let port = address.and_then(|address| address.rsplit(':').next()).unwrap_or(PORT);
        let flags = words.iter().skip(2).copied();
        let flags = flags.filter(|word| *word == "--no-agencies");
        let printed = std::fs::File::create(directory.path().join("printed")).expect("ours");
        let data = directory.path().join("data");
        std::fs::create_dir(&data).expect("the directory is ours");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&data, open).expect("ours");
        let sandbox = Command::new(binary())
            .args(["sandbox", "--listen", "127.0.0.1:0", "--drain-seconds", "3", "--data-dir"])
            .arg(&data)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(printed)
            .stderr(std::fs::File::create(directory.path().join("log")).expect("ours"))
            .spawn()
            .expect("the binary starts");
        let (called, port) = ((*called).to_owned(), port.to_owned());
        let finds_sandbox = guide.name != "docs/operating.md";
        let mut place = Self { directory, sandbox, called, port, finds_sandbox };
        place.ready();
        let cwd = workspace().display().to_string();
        std::fs::write(place.path("cwd"), cwd).expect("the directory is ours");
        std::fs::write(place.path("environment"), "").expect("the directory is ours");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn printed(&self) -> String {
        std::fs::read_to_string(self.path("printed")).unwrap_or_default()
    }

    /// The banner stands above what happens.
    fn ready(&mut self) {
        let look = eventually("the sandbox starts", PATIENCE, async || {
            if self.printed().contains("What happens:") {
                return Ok(());
            }
            let ended = self.sandbox.try_wait().expect("it is our child");
            let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(ended.is_none(), "the sandbox ended: {log}");
            Err(log)
        });
        block_on(look);
    }

    /// What a command prints, as lines of the guide, and how it ends.
    fn run(&self, step: &Step) -> (Vec<String>, i32) {
        if is_start(&step.command) {
            let printed = self.printed();
            let banner = printed.lines().take_while(|line| !is_event(line));
            let banner = banner.collect::<Vec<_>>().join("\n");
            return (self.as_called(banner.trim_end()), 0);
        }
        let tmp = format!("{}/", self.path("tmp").display());
        let command = step.command.replace("/tmp/", &tmp);
        // Variables and the directory stay for the next command, as in a terminal.
        let script = format!(
            "cd \"$(cat {cwd})\"; set -a; . {environment}; {{ {command}\n}}; code=$?; pwd > {cwd}; \
             export -p > {environment}; exit $code",
            cwd = self.path("cwd").display(),
            environment = self.path("environment").display(),
        );
        let programs = binary().parent().map(Path::to_owned).unwrap_or_default();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(programs).chain(std::env::split_paths(&others));
        let path = std::env::join_paths(path).expect("our own directory has no colon");
        let mut bash = Command::new("bash");
        if self.finds_sandbox {
            bash.env("SW_DATA_DIR", self.path("data"));
        }
        let output = bash
            .args(["-c", &script])
            .env("PATH", path)
            // The guides show a wide terminal; paths are longer here than there.
            .env("COLUMNS", "200")
            .stdin(Stdio::null())
            .output()
            .expect("there is a shell");
        let both = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&both).into_owned();
        (self.as_called(text.trim_end_matches('\n')), output.status.code().unwrap_or(-1))
    }

    fn as_called(&self, text: &str) -> Vec<String> {
        let data = self.path("data").display().to_string();
        let tmp = self.path("tmp").display().to_string();
        let text = text.replace(&data, &self.called).replace(&tmp, "/tmp");
        let text = text.replace(&binary().display().to_string(), "target/sandbox/single-window");
        let text = text.replace("target/debug/", "target/sandbox/");
        let address = std::fs::read_to_string(self.path("data/address")).unwrap_or_default();
        let port = address.trim().rsplit(':').next().unwrap_or_default();
        let text = text.replace(&format!("localhost:{port}"), &format!("localhost:{}", self.port));
        let lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
        aligned(&lines)
    }
}

/// Tables as wide as their cells: what stands in them may be called by a shorter name now.
fn aligned(lines: &[String]) -> Vec<String> {
    let mut aligned = Vec::new();
    let mut table: Vec<&str> = Vec::new();
    for line in lines {
        let in_table = line.starts_with('┌') || !table.is_empty();
        if !in_table {
            aligned.push(line.clone());
            continue;
        }
        table.push(line);
        if line.starts_with('└') {
            aligned.extend(align(&std::mem::take(&mut table)));
        }
    }
    aligned.extend(table.into_iter().map(str::to_owned));
    aligned
}

fn align(table: &[&str]) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        let row = line.trim_matches('│').split('┆');
        row.map(|cell| cell.trim().to_owned()).collect()
    };
    let columns = |text: &str| -> usize {
        text.chars().map(|c| if c.is_ascii() || c == '…' { 1 } else { 2 }).sum()
    };
    let rows = table.iter().filter(|line| line.starts_with('│')).map(|line| cells(line));
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = columns(cell).max(*width);
        }
    }
    let rule = |ends: [char; 3], line: char| {
        let parts = widths.iter().map(|width| line.to_string().repeat(width + 2));
        let parts = parts.collect::<Vec<_>>().join(&ends[1].to_string());
        format!("{}{parts}{}", ends[0], ends[2])
    };
    let row = |line: &str| {
        let padded = cells(line).into_iter().zip(&widths).map(|(cell, width)| {
            format!(" {cell}{} ", " ".repeat(width.saturating_sub(columns(&cell))))
        });
        format!("│{}│", padded.collect::<Vec<_>>().join("┆"))
    };
    let line = |line: &&str| match line.chars().next() {
        Some('┌') => rule(['┌', '┬', '┐'], '─'),
        Some('╞') => rule(['╞', '╪', '╡'], '═'),
        Some('└') => rule(['└', '┴', '┘'], '─'),
        Some('│') => row(line),
        _ => (*line).to_owned(),
    };
    table.iter().map(line).collect()
}

impl Drop for Place {
    fn drop(&mut self) {
        let pid = i32::try_from(self.sandbox.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ended = self.sandbox.wait();
    }
}

/// The sandbox runs already: starting it shows what it printed.
fn is_start(command: &str) -> bool {
    command.starts_with("single-window sandbox")
}

/// Whether the shape of what is printed is that of what stands in a guide.
fn same(expected: &[String], printed: &[String]) -> bool {
    fits(&shape(expected), &shape(printed))
}

/// A line, or several that tell what happened when.
#[derive(Debug, PartialEq, Eq)]
enum Shape {
    Line(String),
    Events(BTreeSet<String>),
    Anything,
}

fn shape(lines: &[String]) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for line in lines {
        if line.trim() == "…" {
            shapes.push(Shape::Anything);
        } else if is_event(line) {
            let phrases = phrases(line);
            match shapes.last_mut() {
                Some(Shape::Events(events)) => events.extend(phrases),
                _ => shapes.push(Shape::Events(phrases)),
            }
        } else {
            shapes.push(Shape::Line(masked(line)));
        }
    }
    shapes
}

fn fits(expected: &[Shape], printed: &[Shape]) -> bool {
    match (expected.split_first(), printed.split_first()) {
        (None, printed) => printed.is_none(),
        (Some((Shape::Anything, rest)), _) => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        (Some(_), None) => false,
        (Some((one, rest)), Some((other, more))) => fits_one(one, other) && fits(rest, more),
    }
}

fn fits_one(expected: &Shape, printed: &Shape) -> bool {
    match (expected, printed) {
        (Shape::Line(expected), Shape::Line(printed)) => fits_line(expected, printed),
        (expected, printed) => expected == printed,
    }
}

/// `…` in a line stands for anything.
fn fits_line(expected: &str, printed: &str) -> bool {
    if expected == printed {
        return true;
    }
    let mut parts = expected.split('…');
    let mut rest = match parts.next().and_then(|first| printed.strip_prefix(first.trim_end())) {
        Some(rest) if expected.contains('…') => rest,
        _ => return false,
    };
    for part in parts {
        match rest.find(part.trim()) {
            Some(at) => rest = &rest[at + part.trim().len()..],
            None => return false,
        }
    }
    expected.ends_with('…') || rest.is_empty()
}

/// `2026-11-25 06:00:27.117 +08:00  …`.
fn is_event(line: &str) -> bool {
    let digit = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let start: String = line.chars().take(16).map(digit).collect();
    start == "0000-00-00 00:00"
}

/// What a line says that happened. Both agencies say the same things, in any order.
fn phrases(line: &str) -> BTreeSet<String> {
    // What is still waited for depends on who answered first.
    let line = line.split("; waits for ").next().expect("a split has a first part");
    // The columns before the last one say where it stood in between, which depends on who was faster.
    let told = line.rsplit("  ").next().unwrap_or_default();
    let phrase = |phrase: &str| {
        let phrase = masked(phrase);
        let agencies = ["customs", "quarantine", "海关", "国检"];
        agencies.iter().fold(phrase, |phrase, agency| phrase.replace(agency, "agency"))
    };
    told.split([';', ',', ':', '；', '，', '：']).map(phrase).collect()
}

/// Words and columns only.
fn masked(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let word = &without_ids(word);
        let rule = |c: char| matches!(c, '─' | '═');
        let mut masked = String::new();
        for part in split_kinds(word) {
            let digits = part.chars().filter(char::is_ascii_digit).count();
            let hexadecimal = part.chars().all(|c| c.is_ascii_hexdigit());
            if part.chars().all(rule) {
                masked.push('─');
            } else if digits > 0 && (digits == part.len() || digits >= 4 || hexadecimal) {
                masked.push('#');
            } else {
                masked.push_str(part);
            }
        }
        // Ids and decimals are several numbers in a row.
        for joined in ["#-#", "#.#", "#:#", "#+#"] {
            while masked.contains(joined) {
                masked = masked.replace(joined, "#");
            }
        }
        words.push(masked);
    }
    words.join(" ")
}

/// A word with `0` for each id in it, which may be letters only in some of its parts.
fn without_ids(word: &str) -> String {
    const PARTS: [usize; 5] = [8, 4, 4, 4, 12];
    let is_hexadecimal = |text: &str| text.chars().all(|c| c.is_ascii_hexdigit());
    let is_id = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.iter().map(|part| part.len()).eq(PARTS) && parts.iter().all(|it| is_hexadecimal(it))
    };
    let short = word.trim_start_matches('…');
    if short.len() == PARTS[4] && is_hexadecimal(short) {
        return word.replace(short, "0");
    }
    let at = (0..word.len()).find(|at| word.get(*at..at + 36).is_some_and(is_id));
    match at {
        Some(at) => format!("{}0{}", &word[..at], without_ids(&word[at + 36..])),
        None => word.to_owned(),
    }
}

/// Letters and digits, rules of tables, and everything else by itself.
fn split_kinds(word: &str) -> Vec<&str> {
    let kind = |c: char| {
        if c.is_ascii_alphanumeric() {
            1
        } else if matches!(c, '─' | '═') {
            2
        } else {
            3
        }
    };
    let mut parts = Vec::new();
    let mut start = 0;
    let mut last = None;
    for (at, c) in word.char_indices() {
        let now = kind(c);
        if last.is_some_and(|last| last != now || now == 3) {
            parts.push(&word[start..at]);
            start = at;
        }
        last = Some(now);
    }
    parts.push(&word[start..]);
    parts.retain(|part| !part.is_empty());
    parts
}

#[test]
fn shapes_are_words_and_columns() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let fit = |expected: &str, printed: &str| same(&lines(expected), &lines(printed));
    assert!(fit(
        "│ …0c9e95ab716d ┆ B20261125425781250 │",
        "│ …63be72a7cb6d  ┆ B20261129000000001 │"
    ));
    assert!(fit("…abcdefabcdef", "…63be72a7cb6d") && !fit("…abcdefabcdex", "…63be72a7cb6d"));
    assert!(fit(
        "[5B0C26A1-0311-4F6E-9A10-202611240001]",
        "[ABCDEFAB-ABCD-ABCD-ABCD-ABCDEFABCDEF]"
    ));
    assert!(fit("┌────┬──┐", "┌───────┬─────┐") && !fit("┌────┬──┐", "┌──────────┐"));
    assert!(fit("price 129.5 CNY", "price 268 CNY") && !fit("price 129.5 CNY", "prices 268 CNY"));
    assert!(fit("a\n…\nd", "a\nb\nc\nd") && !fit("a\n…\nd", "a\nb\nc"));
    assert!(fit("{\"name\":\"x\",…}", "{\"name\":\"x\",\"b\":1}"));
    assert!(!fit("1 filed", "1 filed\n1 refused") && !fit("1 filed\n1 refused", "1 filed"));
    let one = "2026-11-25 06:00:27.117 +08:00  v1  customs cleared; RELEASED, release 01a2-0b\n\
               2026-11-25 06:00:27.118 +08:00  v1  quarantine cleared";
    let other = "2026-11-29 16:00:27.117 +08:00  v1  quarantine cleared\n\
                 2026-11-29 16:00:27.118 +08:00  v1  customs cleared; RELEASED, release 01a3-77";
    assert!(fit(one, other), "{:?} {:?}", shape(&lines(one)), shape(&lines(other)));
    assert!(!fit(one, &other.replace("RELEASED", "REJECTED")));
    let table = ["┌────┬────┐", "│ 长 ┆ b │", "╞════╪═╡", "│ a ┆ bb   │", "└─┴──┘", "end"];
    let whole = ["┌────┬────┐", "│ 长 ┆ b  │", "╞════╪════╡", "│ a  ┆ bb │", "└────┴────┘", "end"];
    assert_eq!(aligned(&table.map(str::to_owned)), whole);
    assert_eq!(promised_exit("x get 1   # SW-1201, exit code 4"), 4);
    assert_eq!(promised_exit("x get 1   # fine"), 0);
}
