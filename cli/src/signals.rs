//! When to stop: Ctrl-C or SIGTERM, and at once where it comes a second time.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell says of a program that Ctrl-C ended.
const ENDED_BY_SIGNAL: i32 = 130;

/// Cancels `token` at the first SIGINT or SIGTERM. At the second the process ends, whatever it is at: all that it leaves behind is
/// what a killed one leaves.
pub(crate) fn cancel_on_signal(token: &CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let token = token.clone();
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::spawn(async move {
        next().await;
        token.cancel();
        next().await;
        eprintln!("stopped at once; what was under way is left as it is");
        std::process::exit(ENDED_BY_SIGNAL);
    });
    Ok(())
}
