//! Serving, from a listener to the last answer.

use std::io;
use std::sync::Arc;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::UPKEEP_EACH;
use crate::state::{Api, Shared};

/// Serves until `cancel`: then no more connections are taken, what was accepted is answered, live connections are closed,
/// and it returns, within [`Settings::stop_time_max`](crate::Settings::stop_time_max).
///
/// # Errors
/// When connections cannot be accepted any more.
pub async fn serve(listener: TcpListener, api: Api, cancel: CancellationToken) -> Result<(), io::Error> {
    let api: Shared = Arc::new(api);
    let background = CancellationToken::new();
    let tasks = async {
        tokio::join!(
            api.progression.run(&api.store, &api.read_pool, &background),
            api.access.run(&api.store, &background),
            keep_metrics(&api, &background)
        );
    };
    let serving = async {
        let served = answer(listener, &api, &cancel).await;
        background.cancel();
        served
    };
    tokio::join!(serving, tasks).0
}

async fn answer(listener: TcpListener, api: &Shared, cancel: &CancellationToken) -> Result<(), io::Error> {
    // An answer is small: waiting to fill a packet would only make it late.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let stop = {
        let (api, cancel) = (Arc::clone(api), cancel.clone());
        async move {
            cancel.cancelled().await;
            api.stopping.cancel();
        }
    };
    let serving = axum::serve(listener, crate::routes(Arc::clone(api))).with_graceful_shutdown(stop);
    let limit = async {
        cancel.cancelled().await;
        tokio::time::sleep(api.settings.stop_time_max).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = limit => {
            tracing::warn!("some requests were not answered when the time to stop was over");
            Ok(())
        }
    }
}

async fn keep_metrics(api: &Api, cancel: &CancellationToken) {
    while cancel.run_until_cancelled(tokio::time::sleep(UPKEEP_EACH)).await.is_some() {
        if let Some(metrics) = &api.metrics {
            metrics.run_upkeep();
        }
    }
}
