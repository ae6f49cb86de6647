//! Tokens (令牌) that callers keep for us: where a page or a watch goes on.
//!
//! The invariants: whoever holds a token learns nothing from it, neither what stands in it nor whether two
//! of them say the same; and one is read only for the caller and the filter that it was made for. What it
//! says about a shared slot is a neighbour's volume, so it is encrypted and not only signed. The length
//! says how many bytes are in it, and must not depend on what others do.

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::{digest, hmac};
use sqlx::PgPool;

use crate::Fault;
use crate::permutation::NumberKey;

/// The key of a service's tokens, and of the order of its numbers. It is kept in the service's schema, so that tokens
/// outlive the process and every process of the service reads those of the others; and beside the counters of the
/// numbers, since a counter that goes on under another key gives numbers again.
#[derive(Clone)]
pub struct TokenKey(hmac::Key);

impl Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey")
    }
}

impl TokenKey {
    /// The key of the service with this schema; makes one the first time.
    ///
    /// # Errors
    ///
    /// [`Fault`] from the database, or when the system gives no random bytes.
    pub async fn load(pool: &PgPool) -> Result<Self, Fault> {
        let mut fresh = [0; digest::SHA256_OUTPUT_LEN];
        random(&mut fresh)?;
        sqlx::query!(
            "insert into token_key (slot, key) values (0, $1) on conflict (slot) do nothing",
            &fresh
        )
        .execute(pool)
        .await?;
        let key = sqlx::query_scalar!("select key from token_key where slot = 0");
        Ok(Self::new(&key.fetch_one(pool).await?))
    }

    /// The key of these bytes.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The key of the order in which the service gives its numbers.
    pub fn numbers(&self) -> NumberKey {
        // No token is bound to this: what they are bound to begins with a quotation mark.
        NumberKey::new(hmac::sign(&self.0, b"numbers").as_ref())
    }

    /// The tokens of one caller for one list or watch with these filters.
    ///
    /// # Errors
    ///
    /// [`Fault`] when no key can be made, which does not happen.
    pub fn of(&self, caller: &str, filter: impl Debug) -> Result<Token, Fault> {
        // Each has a key of its own: what is bound need not be in the token to be checked.
        let bound = hmac::sign(&self.0, format!("{caller:?} {filter:?}").as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, bound.as_ref());
        let key = key.map_err(|_| Fault::Broken("a token has no key".to_owned()))?;
        Ok(Token(LessSafeKey::new(key)))
    }
}

/// Writes and reads the tokens of one caller for one list or watch.
#[derive(Debug)]
pub struct Token(LessSafeKey);

impl Token {
    /// A token that says this.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    pub fn write(&self, content: &[u8]) -> Result<String, Fault> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce)?;
        let mut bytes = content.to_vec();
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(nonce_of, Aad::empty(), &mut bytes)
            .map_err(|_| Fault::Broken("a token is too long to be sealed".to_owned()))?;
        Ok(BASE64.encode([&nonce[..], &bytes].concat()))
    }

    /// What a token says; `None` when it was not made for this, or was changed.
    pub fn read(&self, token: &str) -> Option<Vec<u8>> {
        let bytes = BASE64.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let content = self.0.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        Some(content.to_vec())
    }
}

fn random(bytes: &mut [u8]) -> Result<(), Fault> {
    let filled = SystemRandom::new().fill(bytes);
    filled.map_err(|_| Fault::Broken("the system gives no random bytes".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_by_whom_and_for_what_it_was_made() {
        let key = TokenKey::new(&[7; 32]);
        let of = |caller, filter: &[&str]| key.of(caller, filter).expect("a key");
        let mine = of("firm a", &["list", "x"]);
        let token = mine.write(b"where").expect("written");
        assert_eq!(mine.read(&token).as_deref(), Some(&b"where"[..]));
        for (what, other) in [
            ("another caller", of("firm b", &["list", "x"])),
            ("another filter", of("firm a", &["list", "y"])),
            ("another list", of("firm a", &["watch", "x"])),
            ("the parts run together", of("firm a\" [\"list", &["x"])),
            ("another key", TokenKey::new(&[8; 32]).of("firm a", ["list", "x"]).expect("a key")),
        ] {
            assert_eq!(other.read(&token), None, "{what}");
        }
    }

    #[test]
    fn a_token_shows_nothing_and_cannot_be_changed() {
        let token = TokenKey::new(&[7; 32]).of("firm", "watch").expect("a key");
        let (one, again) = (token.write(b"17").expect("written"), token.write(b"17").expect("too"));
        assert_ne!(one, again, "the same place looks like another");
        let most = token.write(&i64::MAX.to_be_bytes()).expect("written");
        let least = token.write(&0_i64.to_be_bytes()).expect("written");
        assert_eq!(most.len(), least.len(), "the length is that of the bytes");
        let bytes = BASE64.decode(&one).expect("base64");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(token.read(&BASE64.encode(changed)), None, "byte {at}");
        }
        for rubbish in ["", "rubbish", "AAAA", &one[..one.len() - 4], &format!("{one}AAAA")] {
            assert_eq!(token.read(rubbish), None, "{rubbish}");
        }
    }
}
