//! The closed list of algorithms (specification 202205, 6.2.1) and their spellings.

use ring::digest;
use sm3::{Digest, Sm3};

/// Canonical XML 1.0 without comments, the only canonicalisation.
pub(crate) const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
/// The only transform: the signature leaves itself out.
pub(crate) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const SM2_SM3: &str = "http://www.chinaport.gov.cn/2022/04/xmldsig#sm2-sm3";
const SM3: &str = "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3";
/// What the client software of e-port writes instead; the W3C never defined these names.
const SM2_SM3_W3C: &str = "http://www.w3.org/2000/09/xmldsig#sm2-sm3";
const SM3_W3C: &str = "http://www.w3.org/2000/09/xmldsig#sm3";

/// How a message is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSA (PKCS#1 v1.5) over SHA-1, "universal".
    RsaSha1,
    /// SM2 over SM3, "preferred".
    Sm2Sm3,
}

impl Algorithm {
    /// The algorithm of a `SignatureMethod`, when it is on the list.
    pub(crate) fn of_signature(uri: &str) -> Option<Self> {
        match uri {
            RSA_SHA1 => Some(Self::RsaSha1),
            SM2_SM3 | SM2_SM3_W3C => Some(Self::Sm2Sm3),
            _ => None,
        }
    }

    /// For people and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RsaSha1 => "rsa-sha1",
            Self::Sm2Sm3 => "sm2-sm3",
        }
    }

    /// The digest that belongs to it.
    pub(crate) fn digest(self) -> Hash {
        match self {
            Self::RsaSha1 => Hash::Sha1,
            Self::Sm2Sm3 => Hash::Sm3,
        }
    }
}

/// A digest of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sm3,
}

impl Hash {
    pub(crate) fn of_uri(uri: &str) -> Option<Self> {
        match uri {
            SHA1 => Some(Self::Sha1),
            SM3 | SM3_W3C => Some(Self::Sm3),
            _ => None,
        }
    }

    pub(crate) fn of(self, text: &str) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                let sha1 = &digest::SHA1_FOR_LEGACY_USE_ONLY;
                digest::digest(sha1, text.as_bytes()).as_ref().to_vec()
            }
            Self::Sm3 => Sm3::digest(text.as_bytes()).to_vec(),
        }
    }
}

/// Which names a signer writes for SM2 and SM3. Both are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Spelling {
    /// The names of the specification 202205.
    #[default]
    Chinaport,
    /// The names that the client software of e-port writes.
    W3c,
}

impl Spelling {
    /// Names of `SignatureMethod` and `DigestMethod`.
    pub(crate) fn names(self, algorithm: Algorithm) -> (&'static str, &'static str) {
        match (algorithm, self) {
            (Algorithm::RsaSha1, _) => (RSA_SHA1, SHA1),
            (Algorithm::Sm2Sm3, Self::Chinaport) => (SM2_SM3, SM3),
            (Algorithm::Sm2Sm3, Self::W3c) => (SM2_SM3_W3C, SM3_W3C),
        }
    }
}

/// How issuers sign certificates. The SHA-1 one is what the old authority of e-port used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IssuerAlgorithm {
    RsaSha1,
    RsaSha256,
    Sm2Sm3,
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    /// GB/T 32905, example 1, and FIPS 180, both of "abc".
    #[test]
    fn digests_of_the_standards() {
        let digest = |hash: Hash| STANDARD.encode(hash.of("abc"));
        assert_eq!(digest(Hash::Sm3), "Zsfw9GLu7dnR8tRr3BDk4kFnxIdc8veiKX2gK49LqOA=");
        assert_eq!(digest(Hash::Sha1), "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");
    }
}
