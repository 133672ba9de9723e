//! Measurements, side by side with peers in one run: `make bench`.
//!
//! These machines are noisy, so a comparison's two sides take turns and only ratios of medians are quoted. Everything runs
//! on this machine: the servers, the program, the client. Durability is on everywhere. Each benchmark says what bounds it.

mod growth;
mod http;
mod limit;
mod peers;
mod rebuild;
mod report;
mod servers;
mod store;
mod visible;

use report::Report;

/// As in the program itself; for both sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| name.starts_with(only.as_str()));
    let servers = servers::start().await?;
    let mut report = Report::new();
    if wanted("store") {
        store::against_postgres_es(&servers, &mut report).await?;
    }
    if wanted("limit") {
        limit::append_against_copy(&servers, &mut report).await?;
    }
    if wanted("single") {
        http::single_requests(&servers, &mut report).await?;
    }
    if wanted("batches") {
        http::batches_until_visible(&servers, &mut report).await?;
    }
    if wanted("rebuild") {
        rebuild::from_kafka(&servers, &mut report).await?;
    }
    if wanted("visible") {
        visible::after_a_write(&servers, &mut report).await?;
    }
    if only.iter().any(|only| only == "growth") {
        growth::ten_times_the_size(&servers, &mut report).await?;
    }
    report.print();
    servers.stop().await
}
