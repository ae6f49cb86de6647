//! Files that are nobody else's business: keys that must be private, and what we write.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Context as _;
use cli::BilingualText;
use domain::refusal::Code;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

/// What the process writes from now on is for its own user only.
pub fn write_privately() {
    let _before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// A private key.
///
/// # Errors
///
/// When it cannot be read, or others can.
pub fn private_key(path: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    ensure_private(path)?;
    PrivateKeyDer::from_pem_file(path).with_context(|| BilingualText::unreadable(path))
}

/// Refuses a key that others can read: whoever has it is us. A group may have a key that belongs to
/// root, which is how systems give services their keys.
///
/// # Errors
///
/// Says what to do.
pub fn ensure_private(path: &Path) -> anyhow::Result<()> {
    let about = std::fs::metadata(path).with_context(|| BilingualText::unreadable(path))?;
    let of_group = about.uid() == 0 && !rustix::process::geteuid().is_root();
    let most = if of_group { 0o640 } else { 0o600 };
    if about.mode() & 0o077 & !most != 0 {
        let (path, mode) = (path.display(), about.mode() & 0o777);
        let exposed = BilingualText::new(
            format!(
                "the key {path} can be used by others (mode {mode:04o}): chmod {most:o} {path}, and make \
                 a new key if others may have seen it"
            ),
            format!(
                "私钥{path}可被他人使用（权限{mode:04o}）：请执行 chmod {most:o} {path}；\
                 如他人可能已看到，请更换私钥"
            ),
        );
        return Err(anyhow::Error::new(exposed).context(Code::FileExposed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_that_others_can_use_is_refused() {
        let place = tempfile::tempdir().expect("a directory");
        let key = place.path().join("window.key");
        std::fs::write(&key, "").expect("ours");
        for (mode, private) in
            [(0o600, true), (0o400, true), (0o604, false), (0o640, false), (0o666, false)]
        {
            let mode_of = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&key, mode_of).expect("ours");
            let refused = ensure_private(&key);
            assert_eq!(refused.is_ok(), private, "{mode:o}");
            if let Err(refused) = refused {
                let text = format!("{refused:#}");
                assert!(text.contains("chmod 600") && text.contains("SW-4008"), "{text}");
            }
        }
    }
}
