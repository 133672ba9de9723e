//! Measurements, side by side with peers in one run: `make bench`.
//!
//! These machines are noisy, so a comparison's two sides take turns and only ratios of medians are quoted. Everything runs
//! on this machine: the servers, the program, the client. Durability is on everywhere. Each benchmark says what bounds it.

#[cfg(feature = "peers")]
mod disintegrate;
mod growth;
mod http;
mod kpis;
mod limit;
mod pages;
mod peers;
mod rebuild;
mod replay;
mod report;
mod servers;
mod store;
#[cfg(feature = "peers")]
mod umadb;
mod visible;

use report::Report;

/// As in the program itself; for both sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(feature = "peers")]
    if let [command, directory, address] = &only[..]
        && command == umadb::SERVE
    {
        return umadb::serve(directory, address).await;
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| name.starts_with(only.as_str()));
    let servers = servers::start().await?;
    let mut report = Report::new();
    if wanted("store") {
        store::against_postgres_es(&servers, &mut report).await?;
    }
    #[cfg(feature = "peers")]
    if wanted("disintegrate") {
        disintegrate::against_disintegrate(&servers, &mut report).await?;
    }
    #[cfg(feature = "peers")]
    if wanted("umadb") {
        umadb::against_umadb(&servers, &mut report).await?;
    }
    #[cfg(not(feature = "peers"))]
    println!("disintegrate-postgres and UmaDB are left out: `make bench FEATURES=peers` builds them too, with protoc.");
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
    if wanted("kpis") {
        kpis::reads_of_every_kpi(&servers, &mut report).await?;
    }
    if wanted("pages") {
        pages::pages(&servers, &mut report).await?;
    }
    if only.iter().any(|only| only == "replay") {
        replay::of_a_million(&servers, &mut report).await?;
    }
    for (name, new_id) in growth::IDS {
        if only.iter().any(|only| only == name) {
            growth::ten_times_the_size(&servers, name, new_id, &mut report).await?;
        }
    }
    report.print();
    servers.stop().await
}
