//! Webhooks as Standard Webhooks has them: what signs a message, and how whoever gets one sees that it is genuine.
//!
//! The signature is an HMAC-SHA256 of id, time and body. Each key of the webhook makes one; one that fits is enough.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The header with the id of a message: the same at every try.
pub const ID: &str = "webhook-id";
/// The header with the time of the try: seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE: &str = "webhook-signature";

/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret that we make.
const SECRET_BYTES: usize = 32;
/// Seconds by which a message may be older or newer than whoever verifies it thinks.
const TOLERANCE: i64 = 300;

/// What a webhook signs with.
#[derive(Clone)]
pub struct WebhookSecret {
    bytes: Vec<u8>,
    key: hmac::Key,
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret")
    }
}

impl WebhookSecret {
    /// A new one; `None` when the system gives no random bytes.
    pub fn fresh() -> Option<Self> {
        let mut bytes = vec![0; SECRET_BYTES];
        SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Self::of(bytes))
    }

    /// The one of these bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        Self { bytes, key }
    }

    /// Reads one; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64.decode(text.strip_prefix(PREFIX).unwrap_or(text)).ok()?; // other tools leave it out
        (!bytes.is_empty()).then(|| Self::of(bytes))
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// As people are told.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(&self.bytes))
    }

    /// The signature of a message.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.key, &signed(id, timestamp, body));
        format!("v1,{}", BASE64.encode(tag))
    }

    /// Whether one of the signatures of a message is ours, and its time is about `now`; both in seconds since 1970.
    pub fn verify(
        &self,
        (id, timestamp, signatures): (&str, &str, &str),
        body: &[u8],
        now: i64,
    ) -> bool {
        let Ok(timestamp) = timestamp.parse::<i64>() else { return false };
        let is_now = timestamp.abs_diff(now) <= TOLERANCE.unsigned_abs();
        let message = signed(id, timestamp, body);
        let mut tags = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
        let fits = |tag: &str| {
            BASE64.decode(tag).is_ok_and(|tag| hmac::verify(&self.key, &message, &tag).is_ok())
        };
        is_now && tags.any(fits)
    }
}

fn signed(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{timestamp}.").as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the convention.
    #[test]
    fn signatures_are_those_of_the_convention() {
        let secret =
            WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let (id, time, body) =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signature = secret.sign(id, time, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let other = WebhookSecret::fresh().expect("random bytes").sign(id, time, body);
        let both = format!("{other} {signature}");
        assert!(secret.verify((id, "1614265330", &both), body, time + 299));
        for (id, timestamp, signatures, now) in [
            ("msg_other", "1614265330", both.as_str(), time),
            (id, "1614265331", &both, time),
            (id, "1614265330", &other, time),
            (id, "1614265330", &signature, time + 301),
            (id, "now", &signature, time),
        ] {
            assert!(
                !secret.verify((id, timestamp, signatures), body, now),
                "{id} {timestamp} {signatures}"
            );
        }
        assert_eq!(
            WebhookSecret::parse(&secret.text()).expect("its own text").bytes(),
            secret.bytes()
        );
    }
}
