//! Every task has a name, an owner and a policy. Nothing else in the workspace spawns.

use std::future::Future;
use std::time::Duration;

use anyhow::Context as _;
use tokio::task::JoinSet;

/// What a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A lane of the group commit.
    Lane,
    /// The gRPC server.
    Server,
    /// The private PostgreSQL.
    Postgres,
    /// The metrics page.
    Metrics,
    /// Health of the services, by the progress of their loops.
    Health,
    /// A simulated agency.
    Agency,
    /// What the sandbox shows.
    Show,
    /// Follows what becomes of the load of a measurement.
    Watch,
    /// Looks at the free space.
    Space,
    /// Follows what other processes do with keys of callers.
    Keys,
    /// Takes over what changes of registry and certificates.
    Reload,
}

impl Task {
    /// Whether the process cannot go on when it ends on its own.
    fn is_vital(self) -> bool {
        match self {
            Self::Lane | Self::Server | Self::Postgres | Self::Watch => true,
            Self::Metrics
            | Self::Health
            | Self::Agency
            | Self::Show
            | Self::Space
            | Self::Keys
            | Self::Reload => false,
        }
    }
}

/// The tasks of a part of the process.
#[derive(Debug, Default)]
pub struct Tasks {
    set: JoinSet<(Task, anyhow::Result<()>)>,
}

impl Tasks {
    /// Starts a task.
    pub fn spawn(
        &mut self,
        task: Task,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.set.spawn(async move { (task, work.await) });
    }

    /// Waits until a vital task ends, which it should not. Says which and why.
    pub async fn failed(&mut self) -> anyhow::Error {
        while let Some(ended) = self.set.join_next().await {
            match ended {
                Ok((task, outcome)) if task.is_vital() => {
                    return match outcome {
                        Err(error) => error,
                        Ok(()) => anyhow::anyhow!("the task {task:?} ended"),
                    };
                }
                Ok((task, Err(error))) => {
                    tracing::error!(?task, error = format!("{error:#}"), "a task failed");
                }
                Ok((_, Ok(()))) => {}
                Err(error) => return anyhow::anyhow!(error).context("a task panicked"),
            }
        }
        std::future::pending().await
    }

    /// Waits for all tasks to end, at most this long; what is left is cut. True when none was.
    pub async fn finish(&mut self, within: Duration) -> bool {
        self.finish_unless(within, std::future::pending()).await
    }

    /// The same, and no longer than until there is a hurry.
    pub async fn finish_unless(
        &mut self,
        within: Duration,
        hurry: impl Future<Output = ()>,
    ) -> bool {
        let all = async { while self.set.join_next().await.is_some() {} };
        let done = tokio::select! {
            biased;
            done = tokio::time::timeout(within, all) => done.is_ok(),
            () = hurry => false,
        };
        self.set.shutdown().await;
        done
    }

    /// Waits for all tasks to do what they were given, at most this long.
    ///
    /// # Errors
    ///
    /// What the first of them failed at, or that some have not ended in time.
    pub async fn done(&mut self, within: Duration) -> anyhow::Result<()> {
        let all = async {
            while let Some(ended) = self.set.join_next().await {
                let (task, outcome) = ended?;
                outcome.with_context(|| format!("{task:?}"))?;
            }
            anyhow::Ok(())
        };
        let done = tokio::time::timeout(within, all).await;
        self.set.shutdown().await;
        done.with_context(|| format!("not done after {} seconds", within.as_secs()))?
    }
}
