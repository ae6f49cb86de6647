//! How persons are found without their numbers being kept (公民身份号码): a keyed hash of the number, the same for
//! every spelling of it.
//!
//! A hash without a key is no secret: all numbers of a country are tried in seconds. The key is a file of whoever
//! runs the service; who has the database and not the key learns nothing from a hash.

use std::fmt;

use domain::documents::identity::normalised;
use ring::hmac;

/// Bytes of a key and of a hash.
pub const LENGTH: usize = 32;

/// What is hashed with numbers, so that the key may serve other hashes too.
const LABEL: &[u8] = b"single-window person\n";

/// A key of hashes of identity numbers. It is never shown.
#[derive(Clone)]
pub struct PersonKey(hmac::Key);

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey")
    }
}

impl PersonKey {
    /// The key with these bytes.
    pub fn new(bytes: &[u8; LENGTH]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The hash of an identity number in any spelling (HMAC-SHA256).
    pub fn hash(&self, id_number: &str) -> [u8; LENGTH] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(LABEL);
        context.update(normalised(id_number).as_bytes());
        let mut hash = [0; LENGTH];
        hash.copy_from_slice(context.sign().as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_hash_whatever_the_spelling_and_another_one_under_another_key() {
        let (key, other) = (PersonKey::new(&[7; LENGTH]), PersonKey::new(&[8; LENGTH]));
        let hash = key.hash("11010519491231002X");
        for spelling in
            ["11010519491231002x", "110105491231002", "１１０１０５１９４９１２３１００２Ｘ"]
        {
            assert_eq!(key.hash(spelling), hash, "{spelling}");
        }
        assert_ne!(key.hash("110101199003074514"), hash);
        assert_ne!(other.hash("11010519491231002X"), hash);
        // Computed by another implementation (Python: hmac.new(b"\x07" * 32, …, "sha256")).
        let shown: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(shown, "bb43f5a661e27706f1a620098faad9da9f5a9b9303456c92fa24699c716b13e9");
        assert_eq!(format!("{key:?}"), "PersonKey");
    }
}
