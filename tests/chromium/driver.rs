//! Speaks to Chromium as WebDriver has it, over plain HTTP to its driver on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Nothing that the browser is asked for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// The driver, which ends with its browsers.
pub(crate) struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts it on a free port.
    pub(crate) fn start() -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("it is installed");
        let said = BufReader::new(process.stdout.take().expect("it is read"));
        // "ChromeDriver was started successfully on port 40321."
        let port = said.lines().map_while(Result::ok).find_map(|line| {
            line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
        });
        Self { process, port: port.expect("it says where it listens") }
    }

    /// A browser with a window of this width.
    pub(crate) fn browser(&self, (width, height): (u32, u32), is_dark: bool) -> Browser {
        let mut args = vec!["--headless=new", "--disable-gpu", "--disable-dev-shm-usage"];
        if rustix::process::geteuid().is_root() {
            args.push("--no-sandbox");
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "args": args },
        } } });
        let made = call(self.port, "POST", "/session", &wanted);
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {made}"));
        let browser = Browser { port: self.port, path: format!("/session/{id}") };
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        browser.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.devtools("Emulation.setEmulatedMedia", &scheme);
        browser
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

/// One browser. Closed when dropped.
pub(crate) struct Browser {
    port: u16,
    path: String,
}

impl Browser {
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        call(self.port, method, &format!("{}{path}", self.path), body)
    }

    fn devtools(&self, command: &str, params: &Value) -> Value {
        self.ask("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    /// Opens a page.
    pub(crate) fn opens(&self, address: &str) {
        self.ask("POST", "/url", &json!({ "url": address }));
    }

    /// What a script finds.
    pub(crate) fn finds(&self, script: &str) -> Value {
        self.ask("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The address of the page.
    pub(crate) fn address(&self) -> String {
        self.finds("return location.href").as_str().expect("a text").to_owned()
    }

    /// Clicks on what this selector means.
    pub(crate) fn clicks(&self, selector: &str) {
        let start = Instant::now();
        loop {
            let found = json!({ "using": "css selector", "value": selector });
            let found = self.ask("POST", "/element", &found);
            let element =
                found.as_object().and_then(|it| it.values().next()).and_then(Value::as_str);
            let element = element.unwrap_or_else(|| panic!("there is no {selector}: {found}"));
            let clicked = self.ask("POST", &format!("/element/{element}/click"), &json!({}));
            // News may have put another element in its place meanwhile.
            if clicked.is_null() {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{selector} cannot be clicked: {clicked}");
            std::thread::sleep(LOOK);
        }
    }

    /// Chooses a file, as a person does in the dialogue of an input.
    pub(crate) fn chooses(&self, selector: &str, file: &std::path::Path) {
        let found = json!({ "using": "css selector", "value": selector });
        let found = self.ask("POST", "/element", &found);
        let element = found.as_object().and_then(|it| it.values().next()).and_then(Value::as_str);
        let element = element.unwrap_or_else(|| panic!("there is no {selector}: {found}"));
        let file = json!({ "text": file.to_str().expect("a text") });
        let chosen = self.ask("POST", &format!("/element/{element}/value"), &file);
        assert!(chosen.is_null(), "{selector}: {chosen}");
    }

    /// Loads an address of the page's own and gives what it says of itself, and the length and beginning of its text.
    pub(crate) fn loads(&self, address: &str) -> Value {
        let script = "const [address, done] = arguments; \
            fetch(address).then(async it => { const text = await it.text(); \
              done([it.status, it.headers.get('content-disposition'), text.length, text.slice(0, 100)]) })";
        self.ask("POST", "/execute/async", &json!({ "script": script, "args": [address] }))
    }

    /// Presses the tabulator, and says what then has the focus: its class. A page that is not painted yet gets no keys,
    /// and a key is acted on after it was taken.
    pub(crate) fn tabs(&self) -> String {
        self.holds("document.readyState === 'complete' && document.hasFocus()");
        self.finds(
            "window.painted = false; requestAnimationFrame(() => { window.painted = true; })",
        );
        self.holds("window.painted");
        let key = |kind: &str| json!({ "type": kind, "value": "\u{e004}" });
        let keys =
            json!({ "type": "key", "id": "keys", "actions": [key("keyDown"), key("keyUp")] });
        self.ask("POST", "/actions", &json!({ "actions": [keys] }));
        self.holds("document.activeElement !== document.body");
        let focused = self.finds("return document.activeElement.className");
        focused.as_str().expect("a text").to_owned()
    }

    /// Waits until the page has its place on the screen.
    fn paints(&self) {
        self.holds(
            "document.readyState === 'complete' && document.documentElement.scrollWidth > 0",
        );
        self.finds(
            "window.painted = false; requestAnimationFrame(() => { window.painted = true; })",
        );
        self.holds("window.painted");
    }

    /// Waits until this is true of the page.
    pub(crate) fn holds(&self, condition: &str) {
        let start = Instant::now();
        while self.finds(&format!("return {condition}")) != true {
            if start.elapsed() >= PATIENCE {
                let page = self.finds("return document.body?.innerText");
                panic!("it does not come true: {condition}: {page}");
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the page says this, without asking it to load anew.
    pub(crate) fn sees(&self, text: &str) {
        let start = Instant::now();
        loop {
            let page = self.finds("return document.body.innerText");
            if page.as_str().is_some_and(|page| page.contains(text)) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "{text} is not seen: {page}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the browser has gone on to such an address: a click on a form is answered before that.
    pub(crate) fn arrives(&self, path: &str) {
        let start = Instant::now();
        while !self.address().contains(path) {
            assert!(start.elapsed() < PATIENCE, "{path} is not opened: {}", self.address());
            std::thread::sleep(LOOK);
        }
    }

    /// The whole page as a picture.
    pub(crate) fn picture(&self) -> Vec<u8> {
        use base64::Engine as _;
        self.paints();
        let size = &self.devtools("Page.getLayoutMetrics", &json!({}))["cssContentSize"];
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1
        });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", &wanted);
        let data = taken["data"].as_str().unwrap_or_else(|| panic!("no picture: {taken}"));
        base64::engine::general_purpose::STANDARD.decode(data).expect("a picture")
    }

    /// Serious and critical faults that axe finds in the page for people who cannot see or use a mouse.
    pub(crate) fn faults(&self, axe: &str) -> Vec<String> {
        self.finds(axe);
        let script = "const done = arguments[arguments.length - 1]; \
            axe.run(document, { resultTypes: ['violations'] }).then( \
              it => done(it.violations.filter(it => ['serious', 'critical'].includes(it.impact)) \
                .map(it => `${it.id}: ${it.nodes.map(node => node.html).join(' ')}`)), \
              error => done([String(error)]))";
        let found = self.ask("POST", "/execute/async", &json!({ "script": script, "args": [] }));
        let found = found.as_array().unwrap_or_else(|| panic!("axe says {found}"));
        found.iter().map(ToString::to_string).collect()
    }

    /// What the browser complained of since it was last asked.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.log("browser");
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }

    /// The addresses that pages had it load since it was last asked.
    pub(crate) fn loaded(&self) -> Vec<String> {
        let entries = self.log("performance");
        let sent = entries.iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            let sent = event["method"] == "Network.requestWillBeSent";
            sent.then(|| event["params"]["request"]["url"].as_str().map(str::to_owned))?
        });
        sent.collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.ask("POST", "/se/log", &json!({ "type": kind }));
        entries.as_array().cloned().unwrap_or_else(|| panic!("no log: {entries}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.ask("DELETE", "", &Value::Null);
        }
    }
}

/// One call of the driver.
fn call(port: u16, method: &str, path: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the driver listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).expect("the driver reads");
    let mut answer = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        let read = answer.read_line(&mut head);
        let read = read.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert!(read > 0, "{method} {path}: cut: {head}");
        let line = head[from..].to_ascii_lowercase();
        if let Some(said) = line.strip_prefix("content-length:") {
            length = said.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).expect("the whole answer");
    let said: Value = serde_json::from_slice(&body).expect("JSON");
    assert!(head.starts_with("HTTP/1.1 200"), "{method} {path}: {said}");
    said["value"].clone()
}
