//! The hook for a scanner of viruses (病毒扫描): a command of the operator, which gets the bytes of an attachment on its
//! standard input before the attachment counts as kept.
//!
//! Its exit code decides, as clamscan and clamdscan have it: 0 is clean, 1 is infected, and everything else, a command
//! that is missing or too slow included, is no answer: then nothing is kept. The bytes are in no file.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use domain::limits;
use futures::{Stream, StreamExt as _};
use store::Fault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(limits::VIRUS_SCAN_SECONDS_MAX);
/// Bytes of what a scanner prints that are repeated to people.
const PRINTED_MAX: u64 = 200;

/// A scanner of viruses.
#[derive(Debug)]
pub(crate) struct VirusScanner {
    /// The program and its arguments.
    command: Vec<String>,
    turns: Semaphore,
}

/// What a scanner says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScanResult {
    /// Nothing was found.
    Clean,
    /// Something was; what, in its words.
    Infected(String),
}

impl VirusScanner {
    /// A program with its arguments.
    pub(crate) fn new(command: Vec<String>) -> Self {
        Self { command, turns: Semaphore::new(limits::VIRUS_SCANS_MAX) }
    }

    /// Has it read these bytes.
    ///
    /// # Errors
    ///
    /// [`Fault::Away`] when it gives no answer; what the bytes fail with.
    pub(crate) async fn scan(
        &self,
        bytes: impl Stream<Item = Result<Bytes, Fault>> + Send,
    ) -> Result<ScanResult, Fault> {
        let away = |why: String| {
            Fault::Away(format!("the virus scanner {:?}: {why}", self.command.join(" ")))
        };
        let scanned = tokio::time::timeout(PATIENCE, async {
            let _turn = self.turns.acquire().await.map_err(|error| away(error.to_string()))?;
            let (program, arguments) =
                self.command.split_first().ok_or_else(|| away("none".into()))?;
            let child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn();
            let child = child.map_err(|error| away(error.to_string()))?;
            let (code, printed) =
                answer(child, bytes).await?.map_err(|error| away(error.to_string()))?;
            match code {
                Some(0) => Ok(ScanResult::Clean),
                Some(1) => Ok(ScanResult::Infected(printed)),
                Some(code) => Err(away(format!("it ended with {code}: {printed}"))),
                None => Err(away("it was ended by a signal".to_owned())),
            }
        });
        scanned.await.unwrap_or_else(|_| Err(away("it takes too long".to_owned())))
    }
}

/// Its exit code, and how what it prints begins. Both are read together with the writing: neither waits for the other.
async fn answer(
    mut child: Child,
    bytes: impl Stream<Item = Result<Bytes, Fault>> + Send,
) -> Result<io::Result<(Option<i32>, String)>, Fault> {
    let (mut input, output) = (child.stdin.take(), child.stdout.take());
    let written = async {
        let mut bytes = std::pin::pin!(bytes);
        while let Some(piece) = bytes.next().await {
            let piece = piece?;
            let Some(open) = input.as_mut() else { break };
            if open.write_all(&piece).await.is_err() {
                // It has seen enough; its exit code says what.
                break;
            }
        }
        drop(input);
        Ok::<_, Fault>(())
    };
    let printed = async {
        let mut printed = Vec::new();
        let Some(mut output) = output else { return Ok(String::new()) };
        (&mut output).take(PRINTED_MAX).read_to_end(&mut printed).await?;
        // The rest is read so that it does not wait for its reader.
        tokio::io::copy(&mut output, &mut tokio::io::sink()).await?;
        Ok(String::from_utf8_lossy(&printed).trim().to_owned())
    };
    let (written, printed) = futures::future::join(written, printed).await;
    written?;
    let ended = child.wait().await;
    Ok(printed.and_then(|printed| Ok((ended?.code(), printed))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanner(script: &str) -> VirusScanner {
        VirusScanner::new(["sh", "-c", script].map(str::to_owned).to_vec())
    }

    async fn scan(scanner: &VirusScanner, bytes: &'static [u8]) -> Result<ScanResult, String> {
        let pieces = bytes.chunks(3).map(|piece| Ok(Bytes::from_static(piece)));
        let scanned = scanner.scan(futures::stream::iter(pieces)).await;
        scanned.map_err(|fault| fault.to_string())
    }

    #[tokio::test]
    async fn only_the_exit_code_zero_is_clean() {
        let finds = scanner("if grep -q EICAR; then echo stream: Eicar FOUND; exit 1; fi");
        assert_eq!(scan(&finds, b"an invoice").await, Ok(ScanResult::Clean));
        let infected = ScanResult::Infected("stream: Eicar FOUND".to_owned());
        assert_eq!(scan(&finds, b"xxEICARxx").await, Ok(infected));
        for (script, word) in
            [("cat >/dev/null; exit 2", "ended with 2"), ("kill -9 $$", "a signal")]
        {
            let error = scan(&scanner(script), b"an invoice").await.expect_err(script);
            assert!(error.contains(word), "{error}");
        }
        let missing = VirusScanner::new(vec!["/nowhere/clamscan".to_owned()]);
        let error = scan(&missing, b"an invoice").await.expect_err("there is none");
        assert!(error.contains("/nowhere/clamscan"), "{error}");
    }

    #[tokio::test]
    async fn one_that_reads_nothing_and_prints_much_is_waited_for() {
        let early = scanner("exit 1");
        let long: &'static [u8] = Box::leak(vec![b'x'; 300_000].into_boxed_slice());
        let pieces = long.chunks(100_000).map(|piece| Ok(Bytes::from_static(piece)));
        let found = early.scan(futures::stream::iter(pieces)).await;
        assert_eq!(found.map_err(|it| it.to_string()), Ok(ScanResult::Infected(String::new())));
        let loud = scanner("head -c 300000 /dev/zero | tr '\\\\0' x; cat >/dev/null");
        assert_eq!(scan(&loud, b"an invoice").await, Ok(ScanResult::Clean));
    }
}
