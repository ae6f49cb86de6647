//! The address that a window serves at: resolved, and held from before the database is made until it
//! serves.
//!
//! The invariant: a port that somebody else has is found before anything is made on this machine. A
//! client that comes while the window starts is refused, as before: the port is held and not listened to.

use std::io;
use std::net::SocketAddr;

use anyhow::Context as _;
use cli::BilingualText;
use domain::Code;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Reads HOST:PORT; the host may be a name, which is looked up later.
///
/// # Errors
///
/// What is wrong with it, for people.
pub fn parse(text: &str) -> Result<String, String> {
    let wrong = || "an address is HOST:PORT, for example localhost:7443 or 0.0.0.0:7443".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    port.parse::<u16>().map_err(|_| wrong())?;
    let bare = !host.is_empty() && (!host.contains(':') || host.starts_with('['));
    bare.then(|| text.to_owned()).ok_or_else(wrong)
}

/// The addresses that a name stands for, those of IPv4 first.
///
/// # Errors
///
/// When there is none.
pub async fn resolve(address: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let unknown = || {
        BilingualText::new(
            format!("{address} is no address of this machine; write HOST:PORT, as localhost:7443"),
            format!("{address}不是本机地址，请使用 主机:端口，例如 localhost:7443"),
        )
    };
    let mut found: Vec<_> = tokio::net::lookup_host(address).await.with_context(unknown)?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    if found.is_empty() {
        return Err(unknown().into());
    }
    Ok(found)
}

/// An address that is held for this window.
#[derive(Debug)]
pub struct ListenAddress {
    socket: TcpSocket,
    asked: String,
    /// Where it will serve.
    pub address: SocketAddr,
}

/// Holds the first address that a name stands for and that this machine has.
///
/// # Errors
///
/// When somebody else has it, with what to do.
pub async fn hold(asked: &str) -> anyhow::Result<ListenAddress> {
    let mut failed = None;
    for address in resolve(asked).await? {
        match bind(address) {
            Ok(socket) => {
                let address = socket.local_addr()?;
                return Ok(ListenAddress { socket, asked: asked.to_owned(), address });
            }
            // Where clients would reach somebody else under the same name, no other address helps.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(taken(asked, "--listen", error));
            }
            Err(error) => failed = Some(error),
        }
    }
    Err(taken(asked, "--listen", failed.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())))
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A window that ended a moment ago leaves connections behind; only a listener is in the way.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl ListenAddress {
    /// Serves there from now on.
    ///
    /// # Errors
    ///
    /// When somebody else was faster.
    pub fn listen(self) -> anyhow::Result<TcpListener> {
        let Self { socket, asked, .. } = self;
        socket.listen(BACKLOG).map_err(|error| taken(&asked, "--listen", error))
    }
}

/// Why an address cannot be served, and what to do.
pub fn taken(asked: &str, flag: &str, error: io::Error) -> anyhow::Error {
    let host = asked.rsplit_once(':').map_or(asked, |(host, _)| host);
    let port = asked.rsplit_once(':').map_or("", |(_, port)| port);
    let text = if error.kind() == io::ErrorKind::AddrInUse {
        BilingualText::new(
            format!(
                "another program has port {port} of {host}; end it (`ss -ltnp | grep :{port}` says \
                 which), or choose another with {flag} ({flag} {host}:0 takes a free one)"
            ),
            format!(
                "{host}的端口{port}已被其他程序占用；请结束该程序（ss -ltnp | grep :{port} 可查），\
                 或用 {flag} 另选端口（{flag} {host}:0 自动选用空闲端口）"
            ),
        )
    } else {
        BilingualText::new(
            format!("{asked} cannot be served; choose another address with {flag}"),
            format!("无法在{asked}提供服务，请用 {flag} 另选地址"),
        )
    };
    anyhow::Error::new(error).context(text).context(Code::PortInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["localhost:7443", "127.0.0.1:0", "[::1]:7443", "window.example:1"] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for bad in ["localhost", ":7443", "::1:7443", "localhost:99999", "localhost:", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_held_port_is_not_served_and_a_served_one_is_not_held() {
        let first = hold("localhost:0").await.expect("a free port");
        let address = first.address;
        assert!(address.is_ipv4() && address.ip().is_loopback(), "{address}");
        let early = tokio::net::TcpStream::connect(address).await;
        assert!(early.is_err(), "nobody is served before the window serves");
        let _listener = first.listen().expect("it was held");
        tokio::net::TcpStream::connect(address).await.expect("it serves");
        let asked = format!("localhost:{}", address.port());
        let error = hold(&asked).await.expect_err("it is taken");
        assert_eq!(error.downcast_ref::<Code>(), Some(&Code::PortInUse));
        let text = format!("{error:#}");
        assert!(text.contains(&address.port().to_string()) && text.contains("--listen"), "{text}");
        assert!(resolve("no such host:1").await.is_err());
    }
}
