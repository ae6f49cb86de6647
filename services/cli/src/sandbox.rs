//! The sandbox as its callers see it: where it keeps their certificates, who they are, and where it
//! listens.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use client::Config;

use crate::BilingualText;

/// A caller that the sandbox knows.
#[derive(Debug, Clone, Copy)]
pub struct SandboxCaller {
    /// Name, for `--as`.
    pub name: &'static str,
    /// What it is, as the registry says it.
    pub kind: &'static str,
    /// Its customs code; empty without one.
    pub customs_code: &'static str,
    /// For whom it may act.
    pub mandates: &'static [&'static str],
    /// Exchange numbers that are its own.
    pub dxp_ids: &'static [&'static str],
    /// What it is good for, for people.
    pub purpose: &'static str,
}

/// The callers of the sandbox.
pub const CALLERS: &[SandboxCaller] = &[
    SandboxCaller {
        name: "agent",
        kind: "agent",
        customs_code: "3702980001",
        mandates: &["*"],
        dxp_ids: &["*"],
        purpose: "files for every declarant; the default of the command line",
    },
    SandboxCaller {
        name: "enterprise-a",
        kind: "enterprise",
        customs_code: "3702960001",
        mandates: &[],
        dxp_ids: &["DXPENT0000000001"],
        purpose: "a firm that sees only its own",
    },
    SandboxCaller {
        name: "enterprise-b",
        kind: "enterprise",
        customs_code: "3702960002",
        mandates: &[],
        dxp_ids: &["DXPENT0000000002"],
        purpose: "another one; its guarantee has 10 yuan, too little for most imports",
    },
    SandboxCaller {
        name: "customs",
        kind: "customs",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the customs system (海关)",
    },
    SandboxCaller {
        name: "quarantine",
        kind: "quarantine",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the system of quarantine (国检)",
    },
    SandboxCaller {
        name: "site",
        kind: "site",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the system of an examination site (查验场地)",
    },
    SandboxCaller {
        name: "site-b",
        kind: "site",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "another one",
    },
    SandboxCaller {
        name: "inspection-service",
        kind: "inspection-service",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the inspection service of this window (joint orders)",
    },
    SandboxCaller {
        name: "payment-service",
        kind: "payment-service",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the payment service of this window (guarantee, duty, tax bills)",
    },
    SandboxCaller {
        name: "bank",
        kind: "bank",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "a bank with the accounts of firms (银行)",
    },
    SandboxCaller {
        name: "refund-service",
        kind: "refund-service",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the refund service of this window (export tax refund)",
    },
    SandboxCaller {
        name: "webhook-service",
        kind: "webhook-service",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the webhook service of this window (推送)",
    },
    SandboxCaller {
        name: "tax-office",
        kind: "tax-office",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the system of the tax office (税务机关)",
    },
    SandboxCaller {
        name: "admin",
        kind: "administrator",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "reads everything",
    },
    SandboxCaller {
        name: "gateway",
        kind: "gateway",
        customs_code: "",
        mandates: &[],
        dxp_ids: &[],
        purpose: "the national door of this window (CEB messages)",
    },
];

/// The authority within the directory of certificates.
pub const AUTHORITY: &str = "authority.pem";

/// Where the sandbox's certificates are.
pub fn identities(data_dir: &Path) -> PathBuf {
    data_dir.join("identities")
}

/// Where the key (API key) of a caller of the sandbox is, which opens the window without its certificate.
pub fn key_file(data_dir: &Path, caller: &str) -> PathBuf {
    identities(data_dir).join(format!("{caller}.api-key"))
}

/// Where the address of the running sandbox is written, for the command line.
pub fn address_file(data_dir: &Path) -> PathBuf {
    data_dir.join("address")
}

/// How a caller of the sandbox in this data directory connects.
///
/// # Errors
///
/// When there is no sandbox or no such caller.
pub fn config(data_dir: &Path, name: &str, address: Option<&str>) -> anyhow::Result<Config> {
    let known = CALLERS.iter().map(|caller| caller.name).collect::<Vec<_>>().join(", ");
    let read = |file: String| {
        let path = identities(data_dir).join(file);
        std::fs::read(&path).with_context(|| {
            let path = path.display();
            BilingualText::new(
                format!("{path} cannot be read; the sandbox's callers are {known}"),
                format!("无法读取{path}；沙箱的调用方有 {known}"),
            )
        })
    };
    Ok(Config {
        address: address_of(data_dir, address)?,
        authority: read(AUTHORITY.to_owned())?,
        certificate: read(format!("{name}.pem"))?,
        key: read(format!("{name}.key"))?,
        api_key: String::new(),
    })
}

/// How somebody connects to the sandbox in this data directory who has a key (API key).
///
/// # Errors
///
/// When there is no sandbox.
pub fn config_by_key(
    data_dir: &Path,
    api_key: &str,
    address: Option<&str>,
) -> anyhow::Result<Config> {
    let path = identities(data_dir).join(AUTHORITY);
    Ok(Config {
        address: address_of(data_dir, address)?,
        authority: std::fs::read(&path).with_context(|| BilingualText::unreadable(&path))?,
        certificate: Vec::new(),
        key: Vec::new(),
        api_key: api_key.to_owned(),
    })
}

/// The address that was named, or that of the sandbox there.
fn address_of(data_dir: &Path, address: Option<&str>) -> anyhow::Result<String> {
    let address = match address {
        Some(address) => address.to_owned(),
        None => std::fs::read_to_string(address_file(data_dir))
            .with_context(|| {
                let here = data_dir.display();
                BilingualText::new(
                    format!(
                        "no sandbox was started in {here}; start one with `single-window sandbox`, \
                         or name a window with --endpoint"
                    ),
                    format!(
                        "{here}中没有启动过沙箱；请用 single-window sandbox 启动，\
                         或用 --endpoint 指定单一窗口"
                    ),
                )
            })?
            .trim()
            .to_owned(),
    };
    Ok(address)
}

/// Root keeps its data where the user `postgres` can reach it; others at home.
///
/// # Errors
///
/// When there is no home.
pub fn default_data_dir() -> anyhow::Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/single-window"));
    }
    if let Some(data) = std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(data).join("single-window"));
    }
    let home = std::env::var_os("HOME").with_context(|| {
        BilingualText::new("neither HOME nor --data-dir is set", "未设置HOME，也未给出--data-dir")
    })?;
    Ok(PathBuf::from(home).join(".local/share/single-window"))
}
