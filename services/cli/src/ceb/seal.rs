//! What the signature of a message is worth, and making one: `ceb sign`, `ceb verify`, and what `ceb
//! explain` says of it. No window is asked.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use domain::Code;
use proto::status::Language;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use signature::{SignatureRefusal, SigningKey, Trust, VerifiedMessage, Verifier};

use super::super::options::Options;
use super::super::problem::{BrokenRule, Problem};
use super::super::words::{self, pick};
use super::super::{Exit, Output, clean, input, print_json, print_line, print_refusal};
use super::{FileArgs, message};

/// Sign a message (CEB) with a firm's key: SM2 over SM3, or RSA over SHA-1.
///
/// Takes the key (--key, PKCS#8 PEM, not encrypted) and its certificate (--cert, PEM) of the firm.
/// No window is asked. A message that goes into an envelope (DxpMsg) is signed first.
#[derive(Debug, clap::Args)]
pub(super) struct SignArgs {
    /// The message, plain or .gz; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Where to write the signed message; standard output when it is not given.
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

/// Verify the signatures of messages (CEB). The exit code is 0 when all are good.
///
/// No window is asked: whether the signer may sign for the declarant is not said here.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// Authority that issues signing certificates (PEM). Without one, only whether the signature fits
    /// the message and the certificate is said.
    #[arg(long, value_name = "FILE")]
    pub(super) authority: Vec<PathBuf>,
}

/// Signs one message.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) fn sign(options: &Options, args: &SignArgs) -> anyhow::Result<Exit> {
    let (Some(key), Some(cert)) = (&options.key, &options.cert) else {
        anyhow::bail!("--key and --cert are needed: the key that signs, and its certificate");
    };
    let text = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let key = SigningKey::from_pem(&text(key)?, &text(cert)?)?;
    let name = input::name(&args.file);
    let file = message::open(&args.file, options.language()).map_err(|it| it.in_file(&name))?;
    let text = match message::unwrapped(&file.bytes) {
        Ok((text, None)) => text,
        Ok((_, Some(_))) => anyhow::bail!("{name} is an envelope; sign the message before it"),
        Err(faults) => {
            return Err(message::refusal(&faults, options.language()).in_file(&name).into());
        }
    };
    let signed = match signature::sign(&text, &key) {
        Ok(signed) => signed,
        Err(signature::SigningError::Message(why)) => {
            return Err(problem(&why, options.language()).in_file(&name).into());
        }
        Err(error) => return Err(error.into()),
    };
    match &args.out {
        Some(out) => std::fs::write(out, signed)
            .with_context(|| format!("{} cannot be written", out.display()))?,
        None => {
            // As it is: `print_line` would change characters, and with them what was signed.
            let mut out = std::io::stdout().lock();
            out.write_all(signed.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(Exit::Done)
}

/// Verifies messages.
///
/// # Errors
///
/// What kept it from doing so.
pub(super) fn verify(options: &Options, args: &VerifyArgs) -> anyhow::Result<Exit> {
    let mut trust = Trust::default();
    for path in &args.authority {
        let unusable = || format!("{} is not an authority", path.display());
        for certificate in CertificateDer::pem_file_iter(path).with_context(unusable)? {
            let certificate = certificate.with_context(unusable)?;
            trust.add_authority(&certificate).with_context(unusable)?;
        }
    }
    let verifier = Verifier::new(trust);
    let mut worst = Exit::Done;
    for path in &args.files.files {
        let name = input::name(path);
        let file = message::open(path, options.language());
        let text = file.and_then(|file| {
            let unwrapped = message::unwrapped(&file.bytes);
            unwrapped.map_err(|faults| message::refusal(&faults, options.language()))
        });
        let seal = match text {
            Ok((text, _)) => Seal::of(&text, &verifier, args.authority.is_empty()),
            Err(problem) => {
                worst = worst.max(print_refusal(options.output(), &problem.in_file(&name))?);
                continue;
            }
        };
        match options.output() {
            Output::Json => {
                let mut object = seal.json(options.language());
                object["file"] = json!(name);
                print_json(&object)?;
            }
            Output::Table => print_line(&format!("{name}: {}", seal.words(options.language())))?,
        }
        if seal.is_bad() {
            worst = worst.max(Exit::Refused);
        }
    }
    Ok(worst)
}

/// What a signature is worth.
pub(super) enum Seal {
    /// There is none.
    Absent,
    /// It is good, and somebody whom we trust vouches for the signer.
    Good(Box<VerifiedMessage>),
    /// It fits message and certificate; whose certificate that is was not asked.
    Fits {
        /// Number of the certificate.
        serial: String,
    },
    /// It is not good.
    Bad(SignatureRefusal),
}

impl Seal {
    /// Looks at the signature of a message that is not in an envelope.
    pub(super) fn of(text: &[u8], verifier: &Verifier, trusts_nobody: bool) -> Self {
        #[expect(clippy::disallowed_methods, reason = "certificates are valid or not now")]
        let now = time::OffsetDateTime::now_utc();
        match verifier.verify(text, now) {
            Ok(verified) => Self::Good(Box::new(verified)),
            Err(SignatureRefusal::Untrusted { serial }) if trusts_nobody => Self::Fits { serial },
            Err(SignatureRefusal::Empty { .. }) if !mentions_signature(text) => Self::Absent,
            Err(refused) => Self::Bad(refused),
        }
    }

    /// The same without trust in anybody.
    pub(super) fn untrusting(text: &[u8]) -> Self {
        Self::of(text, &Verifier::new(Trust::default()), true)
    }

    /// Whether `ceb verify` must not end well.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Self::Absent | Self::Bad(_))
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub(super) fn words(&self, language: Language) -> String {
        match self {
            Self::Absent => pick(language, "not signed", "未加签").to_owned(),
            Self::Fits { serial } => match language {
                Language::English => format!(
                    "good; certificate {serial}, whose issuer was not checked (see --authority of \
                     `ceb verify`)"
                ),
                Language::Chinese => {
                    format!(
                        "签名与数据相符；证书{serial}的签发机构未核验（见ceb verify的--authority）"
                    )
                }
            },
            Self::Good(verified) => {
                let certificate = &verified.certificate;
                let mut words = pick(language, "good", "验签通过").to_owned();
                let until = words::minute(Some(certificate.not_after));
                let _infallible = match language {
                    Language::English => write!(
                        words,
                        "; certificate {}, {}, {}, valid until {until}",
                        certificate.serial, certificate.subject, certificate.key_type
                    ),
                    Language::Chinese => write!(
                        words,
                        "；证书{}，{}，{}，有效期至{until}",
                        certificate.serial, certificate.subject, certificate.key_type
                    ),
                };
                if !verified.key_name_matches {
                    let odd = pick(
                        language,
                        "; KeyName is not the number of this certificate: ",
                        "；KeyName与证书编号不符：",
                    );
                    words.push_str(odd);
                    words.push_str(&verified.key_name);
                }
                words
            }
            Self::Bad(refused) => {
                let word = pick(language, "NOT GOOD", "验签未通过");
                let customs = refused.business_code().map(|code| format!(" ({code})"));
                let why = why(refused, language);
                format!("{word}{}: {why}", customs.unwrap_or_default()) // not all have a code of customs
            }
        }
    }

    pub(super) fn json(&self, language: Language) -> Value {
        let word = match self {
            Self::Absent => "absent",
            Self::Good(_) => "good",
            Self::Fits { .. } => "fits",
            Self::Bad(_) => "bad",
        };
        let mut object = json!({ "signature": word, "text": self.words(language) });
        match self {
            Self::Absent => {}
            Self::Fits { serial } => object["certificate"] = json!({ "serial": serial }),
            Self::Good(verified) => {
                let certificate = &verified.certificate;
                let digits = certificate.fingerprint.iter().map(|byte| format!("{byte:02x}"));
                object["certificate"] = json!({
                    "serial": certificate.serial,
                    "subject": certificate.subject,
                    "codes": certificate.codes,
                    "fingerprint": digits.collect::<String>(),
                    "key_type": certificate.key_type,
                });
                object["key_name"] = json!(verified.key_name);
                object["algorithm"] = json!(verified.algorithm.name());
            }
            Self::Bad(refused) => {
                object["platform_code"] = json!(refused.platform_code());
                object["customs_code"] = json!(refused.business_code());
            }
        }
        object
    }
}

fn why(refused: &SignatureRefusal, language: Language) -> String {
    match language {
        Language::English => refused.to_string(),
        Language::Chinese => refused.text_zh(),
    }
}

/// A signature of which something is missing is not the same as none.
fn mentions_signature(text: &[u8]) -> bool {
    let name = b"Signature";
    text.windows(name.len()).any(|window| window == name)
}

fn problem(refused: &SignatureRefusal, language: Language) -> Problem {
    let why = BrokenRule::plain(Code::XmlMalformed, clean(&why(refused, language)));
    Problem::local(Code::XmlMalformed, language, vec![why])
}

#[cfg(test)]
mod tests {
    use signature::sandbox;

    use super::*;

    #[test]
    fn a_signature_is_absent_fits_or_is_bad() {
        let plain = "<a><b>1</b></a>";
        assert!(Seal::untrusting(plain.as_bytes()).is_absent());
        let half = "<a><b>1</b><ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"/></a>";
        let seal = Seal::untrusting(half.as_bytes());
        assert!(seal.is_bad() && !seal.is_absent());
        assert!(seal.words(Language::English).starts_with("NOT GOOD"));

        let period = sandbox::ValidityPeriod {
            from: time::macros::datetime!(2020-01-01 0:00 UTC),
            to: time::macros::datetime!(2049-01-01 0:00 UTC),
        };
        let firm = sandbox::self_signed("firm", "3702960001", period).expect("issued");
        let key = SigningKey::from_pem(&firm.key_pem, &firm.certificate_pem).expect("a key");
        let signed = signature::sign(plain.as_bytes(), &key).expect("signed");
        let seal = Seal::untrusting(signed.as_bytes());
        assert!(matches!(seal, Seal::Fits { .. }), "{}", seal.words(Language::English));
        let changed = signed.replace("<b>1</b>", "<b>2</b>");
        let seal = Seal::untrusting(changed.as_bytes());
        assert!(seal.is_bad());
        assert!(seal.words(Language::Chinese).contains("(-621028)"));
    }
}
