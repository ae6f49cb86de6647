//! Webhooks (推送): when a message that was not taken is posted again, when a webhook is paused, and to which
//! addresses nothing is posted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The law of retries: seconds between one try and the next. A message has one try more than there are pauses. The
/// first ones are for an endpoint that starts again, the last ones for people to wake up.
pub const RETRY_PAUSES: [u32; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// The longest pause that an endpoint may ask for by `Retry-After`, in seconds.
pub const RETRY_AFTER_MAX: u32 = 86_400;
/// Seconds of nothing but failures after which a webhook is paused.
pub const PAUSED_AFTER_SECONDS: i64 = 3 * 86_400;

/// Seconds until the next try, after this many; `None` when that was the last one. `asked` is what the endpoint
/// asks for: it may make a pause longer, and none shorter.
pub fn next_try(tries: u32, asked: Option<u32>) -> Option<u32> {
    let done = usize::try_from(tries).ok()?;
    let pause = *RETRY_PAUSES.get(done.checked_sub(1)?)?;
    Some(asked.map_or(pause, |asked| pause.max(asked.min(RETRY_AFTER_MAX))))
}

/// Whether an address is one of the public network: what is posted for others must not reach what only this
/// machine and its neighbours can.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_special = match first {
        // This network, loopback, multicast and what is reserved.
        0 | 10 | 127 | 224..=255 => true,
        // Carriers' own.
        100 => (64..=127).contains(&second),
        // Link-local, with the addresses of metadata services.
        169 => second == 254,
        172 => (16..=31).contains(&second),
        192 => {
            second == 168
                || (second, third) == (0, 0)
                || (second, third) == (0, 2)
                || (second, third) == (88, 99)
        }
        198 => matches!(second, 18 | 19) || (second, third) == (51, 100),
        203 => (second, third) == (0, 113),
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    // Only global unicast, without the ranges that carry another address within or are for documents.
    let is_global = first & 0xe000 == 0x2000;
    let carries_another = first == 0x2002 || (first, second) == (0x2001, 0);
    let is_special =
        first == 0x2001 && (second < 0x200 || second == 0xdb8) || first & 0xfff0 == 0x3ff0;
    is_global && !carries_another && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_tried_as_often_as_the_law_says() {
        assert_eq!(next_try(0, None), None, "it was not tried");
        assert_eq!((next_try(1, None), next_try(9, None)), (Some(5), Some(86_400)));
        assert_eq!(next_try(10, None), None);
        assert_eq!(next_try(1, Some(60)), Some(60));
        assert_eq!(next_try(2, Some(60)), Some(300), "no pause is made shorter");
        assert_eq!(next_try(1, Some(u32::MAX)), Some(RETRY_AFTER_MAX));
        let all: i64 = RETRY_PAUSES.iter().map(|pause| i64::from(*pause)).sum();
        assert!(
            all > PAUSED_AFTER_SECONDS,
            "who is down for good is paused before its messages are lost"
        );
    }

    #[test]
    fn addresses_of_this_machine_and_its_neighbours_are_not_public() {
        for own in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::7f00:1",
        ] {
            assert!(!is_public(own.parse().expect(own)), "{own}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"]
        {
            assert!(is_public(public.parse().expect(public)), "{public}");
        }
    }
}
