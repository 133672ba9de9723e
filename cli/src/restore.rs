//! `restore`: one copy of the ledger from the other.

mod copy;
mod kafka;
mod postgres;

use clap::{Args, Subcommand};

use crate::verify::PlaceArguments;

#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(subcommand)]
    command: RestoreCommand,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Subcommand)]
enum RestoreCommand {
    /// Fill Kafka's topics from PostgreSQL, as a relay does, and end when all is there
    Kafka(kafka::KafkaOptions),
    /// Bring the events back from Kafka into an empty database, and hold them against what was signed
    Postgres(postgres::PostgresOptions),
}

pub(crate) async fn run(arguments: RestoreArguments) -> anyhow::Result<()> {
    let place = arguments.place.place()?;
    match arguments.command {
        RestoreCommand::Kafka(options) => kafka::restore(&place, &options).await,
        RestoreCommand::Postgres(options) => postgres::restore(&place, &options).await,
    }
}
