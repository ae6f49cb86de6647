//! `migrate`: brings the tables up to date, or says what it would do. docs/upgrading.md is the policy.

use std::io::Write as _;

use clap::Args;
use cli::Language;
use store::migration::{Extent, MigrationKind, PendingMigration};

use crate::database;
use crate::run::Settings;
use crate::signals::Ending;

/// What of it is done.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MigrateExtentArgs {
    /// Say which migrations are pending, and which of them a window of the version before may meet. Nothing is
    /// changed.
    #[arg(long, conflicts_with = "contract")]
    plan: bool,
    /// Take away as well what only the version before needs: no window of it may be left, and there is no way
    /// back to it.
    #[arg(long)]
    contract: bool,
}

/// Does what the flags say.
pub(crate) async fn run(
    args: MigrateExtentArgs,
    settings: &Settings,
    language: Language,
    ending: &Ending,
) -> anyhow::Result<()> {
    if args.plan {
        return match database::pending(settings, ending).await? {
            Some(plan) => show(&plan, language),
            None => Ok(()),
        };
    }
    let extent = if args.contract { Extent::Contracting } else { Extent::Expanding };
    database::migrate(settings, extent, ending).await
}

fn show(plan: &[(&'static str, PendingMigration)], language: Language) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for (schema, PendingMigration { version, name, kind }) in plan {
        let does = match (kind, language) {
            (MigrationKind::Expand, Language::English) => "expands: beside the version before",
            (MigrationKind::Expand, Language::Chinese) => "扩展：可与前一版本并行",
            (MigrationKind::Contract, Language::English) => "contracts: after the version before",
            (MigrationKind::Contract, Language::Chinese) => "收缩：须在前一版本全部停止之后",
        };
        writeln!(out, "{schema:<12} {version:>5} {name:<32} {does}")?;
    }
    let contracts = plan.iter().any(|(_, it)| it.kind == MigrationKind::Contract);
    let text = match (plan.is_empty(), contracts, language) {
        (true, _, Language::English) => "nothing is pending",
        (true, _, Language::Chinese) => "没有待执行的迁移",
        (false, false, Language::English) => {
            "all of them run while windows of the version before serve; the way back is to start that version"
        }
        (false, false, Language::Chinese) => {
            "以上迁移均可在前一版本运行时执行；如需回退，启动前一版本即可"
        }
        (false, true, Language::English) => {
            "those that contract run only with --contract; after them the way back is the backup"
        }
        (false, true, Language::Chinese) => {
            "收缩类迁移仅在给出--contract时执行，执行后只能以备份回退"
        }
    };
    Ok(writeln!(out, "{text}")?)
}
