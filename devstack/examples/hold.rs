//! Holds a devstack until it is told to end: `hold DATA_DIR`. For tests that kill a program, and for a look by hand.
//!
//! Prints the database URL and the brokers, a line each, once both servers are up. Ends at end of input or Ctrl-C.

use devstack::{Devstack, Options};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    // Listened to from the start: whoever reads the two lines may send it at once.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let data_dir = std::env::args().nth(1).ok_or("usage: hold DATA_DIR")?;
    let devstack = match Devstack::start(Options::from_env(data_dir)).await {
        Ok(devstack) => devstack,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    };
    println!("{}\n{}", devstack.database_url(), devstack.kafka_brokers());
    let mut rest = Vec::new();
    let mut stdin = tokio::io::stdin();
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = stdin.read_to_end(&mut rest) => {}
    }
    devstack.stop().await?;
    std::process::exit(0); // a read of standard input may still be waiting
}
