//! The ledger of the payment service by itself: transfers a second, decided and written as the service does it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use domain::Slot;
use domain::payment::ledger::{Account, Action, Basis, Currency, Entry, Leg, Purpose};
use payment::ledger::{Ledger, Needs};
use sqlx::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

use super::limits::{over_postgres, timed};

/// Writers at once, as many as write in bulk where the limit is measured.
const WRITERS: usize = 2;
/// Transfers of one transaction.
const TOGETHER: usize = 500;
/// Firms, whose slots share the work.
const FIRMS: usize = 64;

/// Transfers a second.
pub(super) async fn run(data_dir: &Path, time: Duration) -> anyhow::Result<u64> {
    over_postgres(data_dir, async |pool| {
        payment::MANIFEST.migrator.run(&pool).await?;
        timed(WRITERS, time, |count, end| {
            let pool = pool.clone();
            async move {
                while Instant::now() < end {
                    transfer(&pool).await?;
                    count.fetch_add(u64::try_from(TOGETHER)?, Ordering::Relaxed);
                }
                anyhow::Ok(())
            }
        })
        .await
    })
    .await
}

/// Money is lodged by many firms, in one transaction.
async fn transfer(pool: &PgPool) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "nobody moves the clock of a measurement")]
    let now = OffsetDateTime::now_utc();
    let entries: Vec<(Slot, Entry)> = (0..TOGETHER)
        .map(|number| {
            let owner = format!("37029{:05}", number % FIRMS);
            let account = |owner: &str, purpose| Account {
                owner: owner.to_owned(),
                currency: Currency::Cny,
                purpose,
            };
            let leg = Leg {
                from: account("BANK", Purpose::Settlement),
                to: account(&owner, Purpose::Guarantee),
                amount: 100,
            };
            let basis = Basis {
                event: "guarantee.deposit".to_owned(),
                declaration: None,
                bill: None,
                actor: "bench".to_owned(),
                rule: "bench".to_owned(),
            };
            let action = Action::Transfer(vec![leg]);
            let id = Uuid::now_v7();
            (Slot::of(&owner), Entry { id, action, basis, effective: now, recorded: now })
        })
        .collect();
    let mut tx = pool.begin().await?;
    let slots: BTreeSet<Slot> = entries.iter().map(|(slot, _)| *slot).collect();
    let mut ledger = Ledger::lock(&mut tx, &slots).await?;
    let mut needs = Needs::default();
    entries.iter().for_each(|(slot, entry)| needs.entry(*slot, entry));
    ledger.load(&mut tx, &needs).await?;
    for (slot, mut entry) in entries {
        entry.recorded = ledger.time(slot, now)?;
        let applied = ledger.apply(slot, &entry)?;
        applied.ok().context("the ledger refused a transfer")?;
    }
    ledger.write(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}
