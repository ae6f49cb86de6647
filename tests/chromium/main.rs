//! The console in a real Chromium: a person comes by the link of the sandbox, files, watches, plays the others,
//! on a wide screen and a narrow one, in light and in dark, in both languages. Nothing is loaded from
//! elsewhere, the browser complains of nothing, and axe finds no serious fault for those who use a keyboard or a
//! reader of screens. Pictures of the pages are left in `target/console`.
//!
//! Where Chromium or its driver is not installed, this says so and does nothing.
#![expect(clippy::print_stdout, reason = "tests tell people what they skipped")]

mod documents;
mod drafts;
mod driver;
mod dry_run;
mod inspection;
mod keys;
mod stuck;
mod webhooks;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use driver::{Browser, Driver};

/// The whole test takes no longer.
const PATIENCE: Duration = Duration::from_secs(480);

/// A sandbox as a user starts it, with its link.
struct Sandbox {
    process: Child,
    link: String,
    directory: tempfile::TempDir,
}

impl Sandbox {
    fn start(binary: &Path, args: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("sw-").tempdir_in("/tmp").expect("/tmp");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), open).expect("it is ours");
        let mut command = Command::new(binary);
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(directory.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("cargo build --workspace first");
        let said = BufReader::new(process.stdout.take().expect("it is read"));
        let (told, link) = channel();
        // Read on, so that what happens is written to somebody.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if let Some(link) = line.split_whitespace().find(|word| word.contains("?token=")) {
                    // Nobody waits any more when the test has failed.
                    let _unheard = told.send(link.to_owned());
                }
            }
        });
        let link = link.recv_timeout(Duration::from_secs(60)).expect("the sandbox shows its link");
        Self { process, link, directory }
    }

    /// A command of its own, as somebody would give it beside it.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(target().join("single-window"));
        command.args(args).arg("--data-dir").arg(self.directory.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ended = self.process.wait();
    }
}

/// Where the programs of this build are.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(2).expect("tests run from target/<profile>/deps").to_owned()
}

/// Leaves a picture, and looks at what every page has to be.
fn looks(browser: &Browser, name: &str, origin: &str, narrow: bool) {
    let built = target().parent().expect("the target directory").to_owned();
    let pictures = built.join("console");
    std::fs::create_dir_all(&pictures).expect("it can be made");
    std::fs::write(pictures.join(format!("{name}.png")), browser.picture()).expect("it is written");
    assert_eq!(browser.complaints(), Vec::<String>::new(), "{name}");
    // The browser's own signs are in themselves, as that of a calendar.
    let is_near = |address: &String| address.starts_with(origin) || address.starts_with("data:");
    let elsewhere: Vec<_> = browser.loaded().into_iter().filter(|it| !is_near(it)).collect();
    assert_eq!(elsewhere, Vec::<String>::new(), "{name} loads from elsewhere");
    if narrow {
        let width = browser.finds("return document.documentElement.scrollWidth");
        assert!(width.as_u64() <= Some(360), "{name} is {width} pixels wide");
    }
    let unnamed = browser.finds(
        "return [...document.querySelectorAll('input:not([type=hidden]),select,textarea')]\
         .filter(it => !it.labels.length && !it.ariaLabel).map(it => it.outerHTML)",
    );
    assert_eq!(unnamed, serde_json::json!([]), "{name}: without a label");
    // What deploy/fetch-axe brought; without npm there is none.
    if let Ok(axe) = std::fs::read_to_string(built.join("axe/axe.min.js")) {
        assert_eq!(browser.faults(&axe), Vec::<String>::new(), "{name}");
    }
}

/// A sandbox, and what opens browsers; nothing where there is none.
fn starts() -> Option<(Sandbox, Driver)> {
    starts_with(&[])
}

/// The same with these arguments of the sandbox.
fn starts_with(args: &[&str]) -> Option<(Sandbox, Driver)> {
    let installed = |program: &str| {
        let version = Command::new(program).arg("--version").stderr(Stdio::null()).output();
        version.is_ok_and(|it| it.status.success())
    };
    if !installed("chromium") || !installed("chromedriver") {
        println!("skipped: chromium and chromedriver are not installed");
        return None;
    }
    // A browser that hangs must not hold up everything behind it.
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        println!("the browser did not come to an end in {PATIENCE:?}");
        std::process::exit(101);
    });
    let sandbox = Sandbox::start(&target().join("single-window"), args);
    Some((sandbox, Driver::start()))
}

/// A browser of a person who came by the link, with where its pages begin.
fn enters(sandbox: &Sandbox, driver: &Driver) -> (Browser, String) {
    let wide = driver.browser((1280, 900), false);
    wide.opens(&sandbox.link);
    let origin = wide.finds("return location.origin").as_str().expect("a text").to_owned();
    wide.sees("Whom you play");
    (wide, origin)
}

/// A narrow and dark browser of a caller who logs in by the key that the sandbox has of it.
fn enters_narrow(sandbox: &Sandbox, driver: &Driver, origin: &str, caller: &str) -> Browser {
    let key = sandbox.directory.path().join(format!("identities/{caller}.api-key"));
    let key = std::fs::read_to_string(key).expect("the sandbox has keys");
    enters_by_key(driver, origin, caller, &key)
}

/// The same by another key.
fn enters_by_key(driver: &Driver, origin: &str, caller: &str, key: &str) -> Browser {
    let narrow = driver.browser((360, 740), true);
    narrow.opens(&format!("{origin}/console/login"));
    narrow.finds(&format!("document.getElementById('key').value = '{}'", key.trim()));
    narrow.finds("document.getElementById('person').value = '李明'");
    narrow.clicks("form.stack button");
    narrow.arrives("/console/");
    narrow.sees(caller);
    narrow
}

/// Goes on as somebody else of the sandbox.
fn plays(browser: &Browser, origin: &str, caller: &str) {
    // What was typed there stays.
    if !browser.address().ends_with("/console/sandbox") {
        browser.opens(&format!("{origin}/console/sandbox"));
    }
    browser.clicks(&format!(".roles button[value={caller}]"));
    browser.sees(&format!("{caller} "));
}

#[test]
fn the_console_works_in_a_real_browser() {
    let Some((sandbox, driver)) = starts() else { return };
    let (wide, origin) = enters(&sandbox, &driver);
    let at = |path: &str| format!("{origin}/console{path}");
    looks(&wide, "sandbox", &origin, false);

    // Live: the page comes to the end of the story without being loaded again.
    wide.clicks("button[value=INSPECT]");
    wide.arrives("/console/declarations/");
    wide.finds("window.stays = true");
    wide.sees("RELEASED, release");
    wide.sees("tax bill");
    assert_eq!(wide.finds("return window.stays"), true, "it was not loaded again");
    let story = wide.address();
    looks(&wide, "story", &origin, false);
    let order = story.replace("/declarations/", "/orders/");

    // What is refused is marked, by the keyboard alone one comes to the content.
    wide.opens(&at("/file?example=import-9610"));
    looks(&wide, "file", &origin, false);
    wide.finds("document.getElementById('lines[1].gcode').value = '<b>42</b>'");
    wide.clicks("button[value=file]");
    wide.sees("SW-1001");
    let marked = wide.finds("return document.getElementById('lines[1].gcode').ariaInvalid");
    assert_eq!(marked, "true");
    assert_eq!(wide.finds("return document.querySelectorAll('b').length"), 0);
    // The browser says of its own that the answer was a no.
    assert_eq!(wide.complaints().len(), 1);
    looks(&wide, "refused", &origin, false);
    wide.opens(&at("/declarations"));
    assert_eq!(wide.tabs(), "skip");
    looks(&wide, "declarations", &origin, false);

    // An export over all services, and on paper.
    wide.opens(&at("/sandbox"));
    wide.finds("document.querySelector('#example').value = 'export-9610'");
    wide.clicks("button[value=ACCEPT]");
    wide.sees("RELEASED, release");
    let export = wide.address();
    wide.opens(&export);
    looks(&wide, "story-export", &origin, false);
    let paper = wide.finds("return document.querySelector(\"a[href$='/print']\").href");
    wide.opens(paper.as_str().expect("a link to the page for paper"));
    wide.sees("/console/declarations/");
    looks(&wide, "print", &origin, false);
    for (name, path) in [
        ("forex", "/forex"),
        ("refund", "/refund"),
        ("calendar", "/calendar"),
        ("orders", "/orders"),
        ("statistics", "/statistics"),
    ] {
        wide.opens(&at(path));
        looks(&wide, name, &origin, false);
    }
    wide.opens(&at("/nowhere"));
    wide.sees("There is no such page.");
    assert_eq!(wide.complaints().len(), 1, "the browser says of its own that the answer was a no");
    looks(&wide, "problem", &origin, false);

    // The others, in Chinese.
    wide.opens(&at("/language?to=zh&back=/console/money"));
    wide.sees("税款担保");
    looks(&wide, "money-zh", &origin, false);
    for (caller, path, text) in [
        ("site", "/orders", "已办结"),
        ("customs", "/statistics", "有查验"),
        ("admin", "/operation", "没有滞留件"),
    ] {
        plays(&wide, &origin, caller);
        wide.opens(&at(path));
        wide.sees(text);
        looks(&wide, &format!("{caller}-zh"), &origin, false);
    }
    // What was filed is counted by the minute, and whoever reads along is named.
    let filed = "return [...document.querySelectorAll('#filed-by-minute rect.without title')]\
        .reduce((sum, it) => sum + Number(it.textContent.split(': ')[1]), 0)";
    assert_eq!(wide.finds(filed), 2);
    for named in ["declaration", "customs", "quarantine", "window"] {
        let row = format!(
            "return [...document.querySelectorAll('td')].some(it => it.textContent === '{named}')"
        );
        assert_eq!(wide.finds(&row), true, "{named}");
    }
    wide.opens(&order);
    wide.sees("布控指令");
    looks(&wide, "order-zh", &origin, false);

    // Narrow and dark; a new browser is nobody until it has a key.
    let narrow = driver.browser((360, 740), true);
    narrow.opens(&at("/declarations"));
    narrow.sees("API key");
    looks(&narrow, "login-narrow", &origin, true);
    narrow.opens(&sandbox.link);
    narrow.sees("That is no valid link or key.");
    assert_eq!(narrow.complaints().len(), 1, "the link opens once");
    drop(narrow);
    let narrow = enters_narrow(&sandbox, &driver, &origin, "enterprise-a");
    narrow.sees("Declarations");
    for (name, address) in [
        ("declarations", at("/declarations")),
        ("story", story.clone()),
        ("order", order.clone()),
        ("file", at("/file")),
        ("orders", at("/orders")),
        ("statistics", at("/statistics")),
        ("money", at("/money")),
        ("forex", at("/forex")),
        ("refund", at("/refund")),
        ("calendar", at("/calendar")),
        ("print", format!("{story}/print")),
        ("sandbox", at("/sandbox")),
    ] {
        narrow.opens(&address);
        looks(&narrow, &format!("{name}-narrow"), &origin, true);
    }
    narrow.clicks(".who form button");
    narrow.sees("API key");
    drop(narrow);
    let narrow = enters_narrow(&sandbox, &driver, &origin, "admin");
    narrow.opens(&at("/operation"));
    looks(&narrow, "operation-narrow", &origin, true);
}
