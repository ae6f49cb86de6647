//! Public keys: one question, whether a value was made over these bytes by the owner of the key.

use ring::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RsaParameters, UnparsedPublicKey,
};
use sm2::dsa::VerifyingKey;
use sm2::dsa::signature::Verifier;

use crate::algorithm::{Algorithm, IssuerAlgorithm};

/// The user id that goes into every SM2 signature, unless agreed otherwise (GB/T 35276).
pub(crate) const SM2_USER: &str = "1234567812345678";
/// Length of an SM2 signature value without DER: r and s.
const SM2_VALUE: usize = 64;

#[derive(Clone)]
pub(crate) enum PublicKey {
    Sm2(Box<VerifyingKey>),
    /// DER of `RSAPublicKey`, 1024 bits or more: e-port issued RSA certificates with 1024.
    Rsa(Vec<u8>),
}

impl PublicKey {
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Sm2(_) => algorithm == Algorithm::Sm2Sm3,
            Self::Rsa(_) => algorithm == Algorithm::RsaSha1,
        }
    }

    /// Whether the value signs the bytes. A key of another type never says yes.
    pub(crate) fn verifies(&self, algorithm: Algorithm, bytes: &[u8], value: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Sm2(key), Algorithm::Sm2Sm3) => sm2(key, bytes, value),
            (Self::Rsa(key), Algorithm::RsaSha1) => {
                rsa(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, key, bytes, value)
            }
            (Self::Sm2(_), Algorithm::RsaSha1) | (Self::Rsa(_), Algorithm::Sm2Sm3) => false,
        }
    }

    /// The same for the signature of an issuer below a certificate.
    pub(crate) fn issued(&self, algorithm: IssuerAlgorithm, bytes: &[u8], value: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Sm2(key), IssuerAlgorithm::Sm2Sm3) => sm2(key, bytes, value),
            (Self::Rsa(key), IssuerAlgorithm::RsaSha1) => {
                rsa(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, key, bytes, value)
            }
            (Self::Rsa(key), IssuerAlgorithm::RsaSha256) => {
                rsa(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, key, bytes, value)
            }
            (Self::Sm2(_), IssuerAlgorithm::RsaSha1 | IssuerAlgorithm::RsaSha256)
            | (Self::Rsa(_), IssuerAlgorithm::Sm2Sm3) => false,
        }
    }
}

/// E-port writes r and s one after the other; certificates and other software use DER.
fn sm2(key: &VerifyingKey, bytes: &[u8], value: &[u8]) -> bool {
    let value = if value.len() == SM2_VALUE {
        sm2::dsa::Signature::from_slice(value)
    } else {
        sm2::dsa::Signature::from_der(value)
    };
    value.is_ok_and(|value| key.verify(bytes, &value).is_ok())
}

fn rsa(how: &'static RsaParameters, key: &[u8], bytes: &[u8], value: &[u8]) -> bool {
    UnparsedPublicKey::new(how, key).verify(bytes, value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GB/T 32918.5, appendix A.
    #[test]
    fn the_example_of_the_standard_verifies() {
        let key = hex(concat!(
            "04",
            "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020",
            "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13",
        ));
        let mut value = hex(concat!(
            "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3",
            "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA",
        ));
        let key = VerifyingKey::from_sec1_bytes(SM2_USER, &key).expect("a point of the curve");
        let der = sm2::dsa::Signature::from_slice(&value).expect("r and s").to_der();
        let key = PublicKey::Sm2(Box::new(key));
        assert!(key.verifies(Algorithm::Sm2Sm3, b"message digest", &value));
        assert!(key.verifies(Algorithm::Sm2Sm3, b"message digest", der.as_bytes()));
        assert!(!key.verifies(Algorithm::Sm2Sm3, b"message Digest", &value));
        assert!(!key.verifies(Algorithm::RsaSha1, b"message digest", &value));
        value[63] ^= 1;
        assert!(!key.verifies(Algorithm::Sm2Sm3, b"message digest", &value));
        assert!(!key.verifies(Algorithm::Sm2Sm3, b"message digest", &[0; 64]));
        assert!(!key.verifies(Algorithm::Sm2Sm3, b"message digest", &[]));
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().chunks(2);
        let digits = digits.map(|pair| std::str::from_utf8(pair).expect("digits"));
        digits.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
    }
}
