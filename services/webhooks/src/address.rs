//! To which addresses messages may be posted.

use std::net::IpAddr;

use domain::limits;
use http::Uri;

/// Why nothing is posted to an address, in both languages.
pub(crate) type AddressFault = (&'static str, &'static str);

/// Reads the address of a webhook. Names are looked up only when a message is posted: what they stand for then is
/// what counts.
///
/// # Errors
///
/// Says what is wrong with it.
pub(crate) fn parse(url: &str, allow_private: bool) -> Result<Uri, AddressFault> {
    if url.len() > limits::WEBHOOK_URL_BYTES_MAX {
        return Err(("the address is too long", "地址过长"));
    }
    let read = url.parse::<Uri>().ok();
    let unreadable = (
        "the address is no URL like https://example.com/hooks",
        "地址格式应如https://example.com/hooks",
    );
    let uri =
        read.filter(|uri| uri.host().is_some_and(|host| !host.is_empty())).ok_or(unreadable)?;
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if allow_private => {}
        Some(_) | None => {
            return Err(("the address must begin with https://", "地址须以https://开头"));
        }
    }
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Err(("the address must not carry a user or password", "地址不得包含用户名或密码"));
    }
    let literal = uri.host().and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    match literal {
        Some(address) if !may_reach(address, allow_private) => Err((
            "the address is private; only public ones are called",
            "地址为内部网络地址，仅可使用公网地址",
        )),
        Some(_) | None => Ok(uri),
    }
}

/// Whether a connection to this address may be made.
pub(crate) fn may_reach(address: IpAddr, allow_private: bool) -> bool {
    allow_private || domain::webhook::is_public(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_over_tls_are_called() {
        for url in
            ["https://example.com/hooks?a=1", "https://1.1.1.1:8443/", "https://[2606:4700::1111]/"]
        {
            assert!(parse(url, false).is_ok(), "{url}");
        }
        for url in [
            "",
            "/hooks",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https://u:p@example.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://10.0.0.1:8443/",
        ] {
            assert!(parse(url, false).is_err(), "{url}");
        }
        for url in ["http://127.0.0.1:3000/", "https://10.0.0.1/", "http://localhost/"] {
            assert!(parse(url, true).is_ok(), "{url}");
        }
        assert!(parse("ftp://localhost/", true).is_err());
    }
}
