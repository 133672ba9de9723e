//! `checkpoint`: the newest signed head of the ledger's log, and the key that signs.

use std::path::PathBuf;

use anyhow::Context as _;
use chrono::Utc;
use clap::{Args, Subcommand};
use domain::SigningKeyId;
use domain::audit::SigningKeyRotated;
use event_store::audit::Who;
use event_store::trees::Trees;
use event_store::{PgPool, Store};
use proof::checkpoint::VerifierKey;

use crate::notary::key_file::KeyFile;
use crate::notary::signed_by;
use crate::verify::PlaceArguments;

#[derive(Debug, Args)]
pub(crate) struct CheckpointArguments {
    #[command(subcommand)]
    command: CheckpointCommand,
    #[command(flatten)]
    place: PlaceArguments,
}

#[derive(Debug, Subcommand)]
enum CheckpointCommand {
    /// Print the newest checkpoint, byte for byte; keep it where nobody who runs the ledger can change it
    Show,
    /// Put a new signing key before the others; the notary hands over to it within seconds, signed by both
    RotateKey {
        /// The file with the keys [default: signing-key in --data-dir]
        #[arg(long, env = "LEDGER_SIGNING_KEY")]
        signing_key: Option<PathBuf>,
    },
}

pub(crate) async fn run(arguments: CheckpointArguments) -> anyhow::Result<()> {
    let place = arguments.place.place()?;
    let pool = event_store::connect(&place.database_url, 2).await.context("cannot reach PostgreSQL; is the ledger running?")?;
    let trees = Trees::new(pool.clone());
    match arguments.command {
        CheckpointCommand::Show => {
            let newest = trees.checkpoints(None, 1).await?.pop();
            let (_, note) = newest.context("nothing is signed yet; try again in a few seconds")?;
            print!("{note}");
        }
        CheckpointCommand::RotateKey { signing_key } => {
            let path = signing_key.unwrap_or_else(|| arguments.place.data_dir().join("signing-key"));
            let mut file = KeyFile::open(path.clone(), &trees.ledger_id().await?, signed_by(&trees).await?.as_ref())?;
            let before = file.current()?.current().verifier_key();
            let now = file.rotate()?.current().verifier_key();
            note(&pool, &before, &now).await.context("the key was changed, as the log will say, but not noted")?;
            println!("before  {before}");
            println!("now     {now}");
            println!(
                "{} holds both; keep it. Tell your auditors the new key: the old one signed the hand-over.",
                path.display()
            );
        }
    }
    Ok(())
}

async fn note(pool: &PgPool, old: &VerifierKey, new: &VerifierKey) -> anyhow::Result<()> {
    let (old_key, new_key) = (SigningKeyId::parse(old.to_string())?, SigningKeyId::parse(new.to_string())?);
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let entry = SigningKeyRotated { old_key, new_key, occurred_at: Utc::now() };
    let noted = store.record_for_all(entry, &Who::operator()).await;
    store.shutdown().await;
    Ok(noted?)
}
