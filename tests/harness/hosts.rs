//! Hosts with a network between them: namespaces of the kernel, and `hosts.py` as the network.

use std::ffi::OsStr;
use std::fs::File;
use std::io::BufRead as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::cluster::block_on;
use super::workspace;

/// Some hosts. What still runs on them ends with them.
pub(crate) struct Hosts {
    prefix: String,
    names: Vec<String>,
    network: Child,
}

impl Hosts {
    /// Hosts of these names, each packet between them delayed by so many milliseconds; `None`, and said, where this
    /// machine does not permit it.
    pub(crate) fn start(names: &[&str], delay: u32) -> Option<Self> {
        let prefix = format!("sw{}", std::process::id());
        let may = rustix::process::geteuid().is_root() && Path::new("/dev/net/tun").exists();
        let network = may.then(|| {
            Command::new("python3")
                .arg(workspace().join("tests/harness/hosts.py"))
                .args([&delay.to_string(), &prefix])
                .args(names)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
        });
        let Some(Ok(mut network)) = network else {
            println!("skipped: hosts need root, python3, ip and /dev/net/tun");
            return None;
        };
        let mut said = String::new();
        let out = network.stdout.take().expect("it is piped");
        std::io::BufReader::new(out).read_line(&mut said).expect("it is text");
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let hosts = Self { prefix, names, network };
        if said.trim() == "ready" {
            return Some(hosts);
        }
        println!("skipped: network namespaces cannot be made here");
        None
    }

    fn space(&self, host: &str) -> String {
        assert!(self.names.iter().any(|name| name == host), "there is no host {host}");
        format!("{}-{host}", self.prefix)
    }

    /// Where a host is for the others.
    pub(crate) fn address(&self, host: &str) -> String {
        let place = self.names.iter().position(|name| name == host);
        format!("10.77.0.{}", place.expect("there is such a host") + 1)
    }

    /// What begins the command of a program that is to run on a host.
    pub(crate) fn prefix(&self, host: &str) -> Vec<String> {
        ["ip", "netns", "exec", &self.space(host)].map(str::to_owned).to_vec()
    }

    /// A program on a host, which says nothing unless it is asked to.
    pub(crate) fn command(&self, host: &str, program: impl AsRef<OsStr>) -> Command {
        let prefix = self.prefix(host);
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The same as the user whom PostgreSQL runs as.
    pub(crate) fn as_postgres(&self, host: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.command(host, "setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program);
        command
    }

    /// Does something on a host: whatever it connects to, it reaches from there.
    pub(crate) fn on<T: Send, F: Future<Output = T>>(
        &self,
        host: &str,
        work: impl FnOnce() -> F + Send,
    ) -> T {
        let space = format!("/run/netns/{}", self.space(host));
        let there = move || {
            let space = File::open(space).expect("the host is there");
            let moved = move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network));
            moved.expect("we may");
            block_on(work())
        };
        std::thread::scope(|scope| scope.spawn(there).join()).expect("it does not panic")
    }

    /// Kills everything that runs on a host, at once, as when its power is cut.
    pub(crate) fn kill(&self, host: &str) {
        let listed = Command::new("ip").args(["netns", "pids", &self.space(host)]).output();
        let listed = String::from_utf8(listed.expect("ip is there").stdout).expect("numbers");
        for pid in listed.lines().filter_map(|line| Pid::from_raw(line.trim().parse().ok()?)) {
            // It may have ended with its parent.
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        drop(self.network.stdin.take());
        let _ended = self.network.wait();
    }
}

/// Where the programs of PostgreSQL are.
pub(crate) fn postgres_programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|it| it.path().join("bin")).filter(|it| it.join("initdb").exists());
    found.max().expect("Debian's package postgresql is installed")
}

/// Lets the user of PostgreSQL write there.
pub(crate) fn give_to_postgres(directory: &Path) {
    let given = Command::new("chown").args(["-R", "postgres:postgres"]).arg(directory).status();
    assert!(given.expect("chown is there").success(), "{}", directory.display());
}
