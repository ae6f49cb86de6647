//! Hosts with a network between them, each a network namespace. The machine's own network is left as it is.
//!
//! A test that needs them runs once more as a program of its own on one of the hosts ([`on_network`]): what it starts is
//! on that host too, and what it starts elsewhere it starts by [`Network::command`].

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::workspace;

/// Says that nothing else runs meanwhile: a dozen processes here, and other tests have times to keep.
const ASKED: &str = "SW_HOSTS";
/// Which network a program of a test is on.
const NETWORK: &str = "SW_TEST_NETWORK";

/// Hosts that reach each other by name.
#[derive(Debug)]
pub(super) struct Network {
    /// What the names of its namespaces begin with.
    prefix: String,
    hosts: Vec<String>,
    /// What carries the packets, where they take their time.
    carrier: Option<Child>,
    is_ours: bool,
}

/// What is between hosts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Distance {
    /// They are beside each other.
    None,
    /// A packet takes so long from one to another.
    OneWay(Duration),
}

/// Runs a test on the last of these hosts of a new network, where it was asked for. Says so where there is none.
pub(super) fn on_network(
    (hosts, distance): (&[&str], Distance),
    test: &str,
    inside: impl AsyncFnOnce(&Network),
) {
    if let Some(prefix) = std::env::var_os(NETWORK) {
        let prefix = prefix.into_string().expect("we gave it");
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        let network = Network { prefix, hosts, carrier: None, is_ours: false };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        return runtime.expect("a runtime").block_on(inside(&network));
    }
    if std::env::var_os(ASKED).is_none() {
        return println!("skipped {test}: it needs the machine for itself, see {ASKED} in .ci/run");
    }
    let network = match Network::new(hosts, distance) {
        Ok(network) => network,
        Err(why) => return println!("skipped {test}: no network namespaces here: {why}"),
    };
    let program = std::env::current_exe().expect("a test has a path");
    let host = hosts.last().expect("there are hosts");
    let mut command = network.command(host, &program.display().to_string());
    command.args(["--exact", test, "--nocapture"]).env(NETWORK, &network.prefix);
    let ended = command.stdin(Stdio::null()).status().expect("the test starts");
    assert!(ended.success(), "{test} on host {host}: {ended}");
}

impl Network {
    /// Makes the hosts, and what is between them. Fails with what the system says.
    fn new(hosts: &[&str], distance: Distance) -> Result<Self, String> {
        let prefix = format!("sw{}", std::process::id());
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut network = Self { prefix, hosts, carrier: None, is_ours: true };
        ip(&["netns", "add", &network.namespace("switch")])?;
        for host in &network.hosts {
            let namespace = network.namespace(host);
            ip(&["netns", "add", &namespace])?;
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
            let files = network.files(host);
            let written = std::fs::create_dir_all(&files)
                .and_then(|()| std::fs::write(files.join("hosts"), network.names()));
            written.map_err(|error| format!("{}: {error}", files.display()))?;
        }
        match distance {
            Distance::None => network.connect()?,
            Distance::OneWay(delay) => network.carrier = Some(network.carry(delay)?),
        }
        Ok(network)
    }

    /// A switch to which every host has a cable.
    fn connect(&self) -> Result<(), String> {
        let switch = self.namespace("switch");
        ip(&["-n", &switch, "link", "add", "switch", "type", "bridge"])?;
        ip(&["-n", &switch, "link", "set", "switch", "up"])?;
        for (number, host) in self.hosts.iter().enumerate() {
            let namespace = self.namespace(host);
            let port = format!("port{number}");
            let address = format!("{}/24", address(number));
            let cable = ["type", "veth", "peer", "name", &port, "netns", &switch];
            ip(&[&["link", "add", "eth0", "netns", &namespace], &cable[..]].concat())?;
            ip(&["-n", &namespace, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
            ip(&["-n", &switch, "link", "set", &port, "master", "switch", "up"])?;
        }
        Ok(())
    }

    /// Carries packets from host to host by a program: not every kernel has netem.
    fn carry(&self, delay: Duration) -> Result<Child, String> {
        let program = workspace().join("tests/hosts/far.py");
        let mut command = self.command("switch", "python3");
        command.arg(program).arg(delay.as_secs_f64().to_string());
        for (number, host) in self.hosts.iter().enumerate() {
            command.arg(format!("{}={}", self.namespace(host), address(number)));
        }
        // It ends when nobody holds its input.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("python3: {error}"))?;
        let mut said = String::new();
        let output = child.stdout.take().expect("it is piped");
        let read = std::io::BufReader::new(output).read_line(&mut said);
        if read.is_ok() && said.trim_end() == "ready" {
            return Ok(child);
        }
        let _gone = child.kill();
        let ended = child.wait();
        Err(format!("no devices for packets (tests/hosts/far.py): {ended:?}"))
    }

    /// The namespace of a host.
    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.prefix)
    }

    /// What programs on a host find below /etc instead of the machine's.
    fn files(&self, host: &str) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.namespace(host))
    }

    /// The file of names that every host has.
    fn names(&self) -> String {
        let names =
            self.hosts.iter().enumerate().map(|(n, host)| format!("{} {host}\n", address(n)));
        std::iter::once("127.0.0.1 localhost\n".to_owned()).chain(names).collect()
    }

    /// Gives a host more names, a line each with its address.
    pub(super) fn add_names(&self, host: &str, names: &str) {
        let file = self.files(host).join("hosts");
        std::fs::write(file, self.names() + names).expect("it is ours");
    }

    /// A program on a host.
    pub(super) fn command(&self, host: &str, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(host), program]);
        command
    }

    /// The processes of a host with the names of their programs.
    pub(super) fn processes(&self, host: &str) -> Vec<(rustix::process::Pid, String)> {
        let running = ip(&["netns", "pids", &self.namespace(host)]).expect("the host is there");
        let pids = running.lines().filter_map(|line| line.trim().parse().ok());
        let named = pids.filter_map(|pid| {
            // One that has ended meanwhile has no name.
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            let pid = rustix::process::Pid::from_raw(pid)?;
            Some((pid, name.trim_end().to_owned()))
        });
        named.collect()
    }

    /// Kills what runs on a host, without warning, but for programs of this name.
    pub(super) fn kill_all_but(&self, host: &str, spared: Option<&str>) {
        for (pid, name) in self.processes(host) {
            if spared == Some(name.as_str()) {
                continue;
            }
            // It may have ended at this moment.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        for host in &self.hosts {
            if self.files(host).exists() {
                self.kill_all_but(host, None);
            }
            let _never_made = ip(&["netns", "del", &self.namespace(host)]);
            let _never_written = std::fs::remove_dir_all(self.files(host));
        }
        if let Some(carrier) = &mut self.carrier {
            let _gone = carrier.kill();
            let _reaped = carrier.wait();
        }
        let _never_made = ip(&["netns", "del", &self.namespace("switch")]);
    }
}

/// The address of a host, by its number from 0.
pub(super) fn address(number: usize) -> String {
    format!("10.77.0.{}", number + 1)
}

fn ip(args: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("ip {}: {}", args.join(" "), text(&output.stderr).trim_end()))
}
