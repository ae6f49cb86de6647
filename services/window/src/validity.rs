//! Until when the certificates of a window are good.

use std::path::Path;

use anyhow::Context as _;
use cli::BilingualText;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::run::Settings;
use crate::services::manifests;
use crate::tls;

/// How long a certificate is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificatePeriod {
    /// What it is for.
    pub(crate) purpose: String,
    /// Its subject.
    pub(crate) subject: String,
    /// Until when.
    pub(crate) end: OffsetDateTime,
}

impl CertificatePeriod {
    /// Of a certificate.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(crate) fn of(
        purpose: impl Into<String>,
        certificate: &CertificateDer<'_>,
    ) -> anyhow::Result<Self> {
        let purpose = purpose.into();
        let (_, read) = X509Certificate::from_der(certificate)
            .with_context(|| format!("the certificate of {purpose} is none"))?;
        let end = OffsetDateTime::from_unix_timestamp(read.validity().not_after.timestamp())?;
        Ok(Self { purpose, subject: read.subject().to_string(), end })
    }

    /// Whole days until then; below zero when it has ended.
    pub(crate) fn days_left(&self, today: OffsetDateTime) -> i64 {
        (self.end - today).whole_days()
    }
}

/// Of every certificate that the settings name, those that end first before others.
///
/// # Errors
///
/// Names the file that holds none.
pub(crate) fn all(settings: &Settings) -> anyhow::Result<Vec<CertificatePeriod>> {
    let mut found = Vec::new();
    // Behind the window's own come those of its chain, which its authority renews.
    let own = tls::certificates(&settings.certificate)?;
    found.extend(own.first().map(|own| CertificatePeriod::of("window", own)).transpose()?);
    let mut add = |purpose, file: &Path| -> anyhow::Result<()> {
        for certificate in tls::certificates(file)? {
            found.push(
                CertificatePeriod::of(purpose, &certificate)
                    .with_context(|| BilingualText::unreadable(file))?,
            );
        }
        Ok(())
    };
    add("authority", &settings.authority)?;
    for file in &settings.signing_authorities {
        add("signing-authority", file)?;
    }
    for manifest in manifests() {
        let config = settings.callers.get(manifest.name);
        let Some((identity, config)) = manifest.identity.as_ref().zip(config) else { continue };
        let certificate = CertificateDer::from_pem_slice(&config.certificate)
            .with_context(|| format!("the certificate of {} is none", identity.kind))?;
        found.push(CertificatePeriod::of(identity.kind, &certificate)?);
    }
    found.sort_by_key(|it| it.end);
    Ok(found)
}
