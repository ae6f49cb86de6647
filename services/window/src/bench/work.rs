//! Where the work of a declaration goes: processor time by program, and what PostgreSQL did, by its own
//! books. Counts hold where rates do not: on a machine that others use as well.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgPool, Row as _};

use super::cpu_us;

/// PostgreSQL's processes write their books when they have been idle for so long at most.
const BOOKS_LATE: Duration = Duration::from_secs(11);

/// The database of the window that is measured.
#[derive(Debug)]
pub(super) struct MeasuredDatabase {
    pool: PgPool,
    postmaster: u32,
}

/// What a table saw.
#[derive(Debug, Default, Clone, Copy)]
struct Table {
    inserted: i64,
    updated: i64,
    updated_in_page: i64,
    deleted: i64,
    index_scans: i64,
}

/// What was done up to a moment.
#[derive(Debug)]
pub(super) struct WorkTotals {
    service_us: u64,
    database_us: u64,
    /// Of the agencies and the load, which are this program.
    others_us: u64,
    wal_bytes: i64,
    commits: i64,
    tables: BTreeMap<String, Table>,
}

impl MeasuredDatabase {
    /// Finds it below the directory of a sandbox.
    pub(super) async fn of(data_dir: &Path) -> anyhow::Result<Self> {
        let record = std::fs::read_to_string(data_dir.join("pg/postmaster.pid"))
            .context("the window's PostgreSQL has left no record")?;
        let mut lines = record.lines();
        let postmaster = lines.next().and_then(|pid| pid.trim().parse().ok());
        let postmaster = postmaster.context("the record names no process")?;
        let socket = lines.nth(3).context("the record names no socket")?;
        let options = PgConnectOptions::new_without_pgpass().socket(socket);
        let options = options.username("single_window").database("single_window");
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        Ok(Self { pool, postmaster })
    }

    /// What was done up to now. Waits until PostgreSQL has written it down.
    pub(super) async fn books(&self, service: u32) -> anyhow::Result<WorkTotals> {
        let service_us = cpu_us(service)?;
        let others_us = cpu_us(std::process::id())?;
        let database_us = self.cpu_us()?;
        let row = sqlx::query("select (pg_current_wal_lsn() - '0/0')::bigint");
        let wal_bytes = row.fetch_one(&self.pool).await?.get(0);
        tokio::time::sleep(BOOKS_LATE).await;
        let row = sqlx::query(
            "select xact_commit from pg_stat_database where datname = current_database()",
        );
        let commits = row.fetch_one(&self.pool).await?.get(0);
        let rows = sqlx::query(
            "select schemaname || '.' || relname, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del,
                    coalesce(idx_scan, 0)
             from pg_stat_user_tables",
        );
        let rows = rows.fetch_all(&self.pool).await?;
        let tables = rows.into_iter().map(|row| {
            let table = Table {
                inserted: row.get(1),
                updated: row.get(2),
                updated_in_page: row.get(3),
                deleted: row.get(4),
                index_scans: row.get(5),
            };
            (row.get(0), table)
        });
        let tables = tables.collect();
        Ok(WorkTotals { service_us, database_us, others_us, wal_bytes, commits, tables })
    }

    /// Of the postmaster and its children.
    fn cpu_us(&self) -> anyhow::Result<u64> {
        let mut sum = cpu_us(self.postmaster)?;
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            // One that has ended meanwhile is counted with its parent, which waited for it.
            let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
            if parent.and_then(|parent| parent.parse().ok()) == Some(self.postmaster) {
                sum += cpu_us(pid)?;
            }
        }
        Ok(sum)
    }
}

/// The work of so many declarations.
#[derive(Debug, Default)]
pub(super) struct DeclarationWork {
    declarations: u64,
    service_us: u64,
    database_us: u64,
    others_us: u64,
    wal_bytes: i64,
    commits: i64,
    tables: BTreeMap<String, Table>,
}

impl DeclarationWork {
    /// What was done between two moments.
    pub(super) fn between(before: &WorkTotals, after: &WorkTotals, declarations: u64) -> Self {
        let tables = after.tables.iter().map(|(name, after)| {
            // A table that was not there had seen nothing.
            let before = before.tables.get(name).copied().unwrap_or_default();
            let table = Table {
                inserted: after.inserted - before.inserted,
                updated: after.updated - before.updated,
                updated_in_page: after.updated_in_page - before.updated_in_page,
                deleted: after.deleted - before.deleted,
                index_scans: after.index_scans - before.index_scans,
            };
            (name.clone(), table)
        });
        Self {
            declarations,
            service_us: after.service_us.saturating_sub(before.service_us),
            database_us: after.database_us.saturating_sub(before.database_us),
            others_us: after.others_us.saturating_sub(before.others_us),
            wal_bytes: after.wal_bytes - before.wal_bytes,
            commits: after.commits - before.commits,
            tables: tables.collect(),
        }
    }

    /// For each declaration, in hundredths.
    fn each(&self, count: i64) -> String {
        let declarations = i64::try_from(self.declarations).unwrap_or(i64::MAX).max(1); // far fewer
        let hundredths = count * 100 / declarations;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    }

    /// Processor time of the service for each declaration.
    pub(super) fn service_us(&self) -> u64 {
        self.service_us / self.declarations.max(1)
    }

    /// Of PostgreSQL.
    pub(super) fn database_us(&self) -> u64 {
        self.database_us / self.declarations.max(1)
    }

    /// As figures of a run.
    pub(super) fn json(&self) -> serde_json::Value {
        let number = |count| self.each(count).parse::<serde_json::Number>().ok();
        let tables = self.busy().map(|(name, table)| {
            let table = serde_json::json!({
                "inserted": number(table.inserted),
                "updated": number(table.updated),
                "updated_in_page": number(table.updated_in_page),
                "deleted": number(table.deleted),
                "index_scans": number(table.index_scans),
            });
            (name.clone(), table)
        });
        serde_json::json!({
            "service_cpu_us": self.service_us(),
            "database_cpu_us": self.database_us(),
            "agencies_and_load_cpu_us": self.others_us / self.declarations.max(1),
            "wal_bytes": number(self.wal_bytes),
            "commits": number(self.commits),
            "tables": tables.collect::<serde_json::Map<_, _>>(),
        })
    }

    /// As a table.
    pub(super) fn table(&self) -> comfy_table::Table {
        let mut shown = comfy_table::Table::new();
        let header = [
            "for each declaration",
            "inserted",
            "updated",
            "in the page",
            "deleted",
            "index scans",
        ];
        shown.set_header(header);
        for (name, table) in self.busy() {
            let Table { inserted, updated, updated_in_page, deleted, index_scans } = table;
            let counts = [inserted, updated, updated_in_page, deleted, index_scans];
            let counts = counts.into_iter().map(|count| self.each(*count));
            shown.add_row(std::iter::once(name.clone()).chain(counts));
        }
        shown
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        format!(
            "for each: {} us of CPU in the service, {} us in PostgreSQL, {} us in agencies and \
             load; {} bytes of WAL, {} commits",
            self.service_us(),
            self.database_us(),
            self.others_us / self.declarations.max(1),
            self.each(self.wal_bytes),
            self.each(self.commits)
        )
    }

    /// Tables that declarations touch: the others are touched by loops, however many there are.
    fn busy(&self) -> impl Iterator<Item = (&String, &Table)> {
        let few = i64::try_from(self.declarations / 100).unwrap_or(i64::MAX); // far fewer
        let is_busy = move |table: &&Table| {
            table.inserted + table.updated + table.deleted + table.index_scans > few
        };
        self.tables.iter().filter(move |(_, table)| is_busy(table))
    }
}
