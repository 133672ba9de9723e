//! `prove` and `check`: a portable proof, and its check by somebody who has nothing but the verifier key.

mod promise;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use proof::attestation::Attestation;
use proof::checkpoint::{Checkpoint, VerifierKey};
use proof::consistency::{self, ConsistencyProof};
use proof::erasure::ErasureCertificate;
use proof::event::{self, EventProof};
use proof::position::{self, PositionProof, Stands};
use proof::receipt::Receipt;
use serde_json::{Value, json};

use crate::client::{ApiArguments, Client};

const JSON: &str = "application/json";

#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The event, as PARTITION-POSITION, such as 3-41
    #[arg(required_unless_present_any = ["since", "receipt"])]
    event: Option<String>,
    /// Prove instead that the ledger still begins with what the checkpoint in this file covers
    #[arg(long, value_name = "CHECKPOINT", conflicts_with = "event")]
    since: Option<PathBuf>,
    /// Prove instead what stands at each position that the receipt in this file promises, one proof a line: `check` holds the receipt
    /// against them by --proof
    #[arg(long, value_name = "RECEIPT", conflicts_with_all = ["event", "since"])]
    receipt: Option<PathBuf>,
    /// Where to write; without it, standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArguments,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// A proof that `prove` or the API gave, or a receipt, an attestation or a certificate
    proof: PathBuf,
    /// What to hold a receipt against: proofs of the events or positions that it promises. Where another leaf stands there, or none when
    /// it was to be there, the promise was broken, and the program says so and fails; may be given again
    #[arg(long = "proof", value_name = "FILE")]
    proofs: Vec<PathBuf>,
    /// The verifier key that you trust; may be given again
    #[arg(long = "verifier-key", value_name = "KEY", required = true)]
    verifier_keys: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// From the API, by an auditor's key.
pub(crate) async fn prove(arguments: ProveArguments) -> anyhow::Result<()> {
    let client = arguments.api.client("auditor")?;
    let proof = match (&arguments.event, &arguments.since, &arguments.receipt) {
        (Some(event), ..) => {
            let path = ["v1", "events", event, "proof"].map(str::to_owned);
            client.bytes(&path, &[], JSON).await.context("the event could not be proved")?.to_vec()
        }
        (_, Some(file), _) => {
            let size = Checkpoint::unverified(&read(file)?)?.head.size.to_string();
            let path = ["v1", "log", "consistency"].map(str::to_owned);
            client.bytes(&path, &[("from", &size)], JSON).await.context("it could not be proved")?.to_vec()
        }
        (.., Some(file)) => positions(&client, &Receipt::unverified(&read(file)?)?).await?,
        _ => bail!("name an event, a checkpoint by --since, or a receipt by --receipt"),
    };
    match &arguments.output {
        Some(path) => {
            std::fs::write(path, &proof).with_context(|| format!("cannot write {}", path.display()))?;
            eprintln!("{} written; capsule-ledger check {0} --verifier-key KEY checks it anywhere", path.display());
        }
        None => std::io::stdout().write_all(&proof)?,
    }
    Ok(())
}

/// What stands where these events were promised, a proof a line.
async fn positions(client: &Client, receipt: &Receipt) -> anyhow::Result<Vec<u8>> {
    let mut proofs = Vec::new();
    for promised in &receipt.events {
        let (partition, position) = promised.place()?;
        let path = ["v1", "log", "partitions", &partition.to_string(), "leaves", &position.to_string()].map(str::to_owned);
        let proof = client.bytes(&path, &[], JSON).await;
        proofs.extend_from_slice(&proof.with_context(|| format!("what is at {} could not be proved", promised.event))?);
        proofs.push(b'\n');
    }
    Ok(proofs)
}

/// Offline.
pub(crate) fn check(arguments: &CheckArguments) -> anyhow::Result<()> {
    let keys = arguments.verifier_keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<Vec<_>, _>>()?;
    let text = read(&arguments.proof)?;
    let is_receipt = Receipt::is_one(&text);
    if !arguments.proofs.is_empty() && !is_receipt {
        bail!("{} is no receipt: only a receipt is held against proofs", arguments.proof.display());
    }
    let said = if Attestation::is_one(&text) {
        of_figure(&text, &keys)?
    } else if is_receipt {
        promise::check(&text, &arguments.proofs, &keys)?
    } else if ErasureCertificate::is_one(&text) {
        of_erasure(&text, &keys)?
    } else {
        let format = serde_json::from_str::<Value>(&text).context("the proof is not JSON")?;
        match format["format"].as_str() {
            Some(event::FORMAT) => of_event(&text, &keys)?,
            Some(position::FORMAT) => of_position(&text, &keys)?,
            Some(consistency::FORMAT) => of_checkpoints(&text, &keys)?,
            _ => bail!("{} is no proof that this program knows", arguments.proof.display()),
        }
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&said.json)?);
    } else {
        said.lines.iter().for_each(|(name, value)| println!("{name:<12} {value}"));
    }
    match said.refused {
        Some(reason) => bail!(reason),
        None if arguments.json => {}
        None => println!("✓ It holds"),
    }
    Ok(())
}

/// What was found, for people and for machines.
struct Said {
    lines: Vec<(&'static str, String)>,
    json: Value,
    /// Why what is signed well is no good news.
    refused: Option<String>,
}

impl Said {
    fn new(lines: Vec<(&'static str, String)>, json: Value) -> Self {
        Self { lines, json, refused: None }
    }
}

fn of_event(text: &str, keys: &[VerifierKey]) -> anyhow::Result<Said> {
    let proof = EventProof::parse(text)?;
    let proved = proof.check(keys)?;
    let (header, signed) = (&proved.header, &proved.signed);
    let lines = vec![
        ("Ledger", signed.checkpoint.origin.clone()),
        (
            "Event",
            format!(
                "{}-{}, {} of {} {}",
                header.partition, header.position, header.event_type, header.aggregate_type, header.aggregate_id
            ),
        ),
        ("Occurred", header.occurred_at.clone()),
        ("Recorded", header.recorded_at.clone()),
        ("Payload", proof.payload.clone()),
        ("Metadata", proof.metadata.clone()),
        ("Signed", format!("by {}, in a log of {} entries", signed.taken_at, signed.checkpoint.head.size)),
    ];
    let json = json!({
        "ok": true,
        "header": header,
        "taken_at": signed.taken_at,
        "origin": signed.checkpoint.origin,
        "size": signed.checkpoint.head.size,
        "root": signed.checkpoint.head.root.to_string(),
    });
    Ok(Said::new(lines, json))
}

fn of_position(text: &str, keys: &[VerifierKey]) -> anyhow::Result<Said> {
    let Stands { partition, position, leaf, signed } = PositionProof::parse(text)?.check(keys)?;
    let leaf = leaf.map(|leaf| leaf.to_string());
    let lines = vec![
        ("Ledger", signed.checkpoint.origin.clone()),
        ("Position", format!("{partition}-{position}")),
        ("Leaf", leaf.clone().unwrap_or_else(|| "none: the partition ends before it".to_owned())),
        ("Signed", format!("by {}, in a log of {} entries", signed.taken_at, signed.checkpoint.head.size)),
    ];
    let json = json!({
        "ok": true,
        "position": format!("{partition}-{position}"),
        "leaf": leaf,
        "taken_at": signed.taken_at,
        "origin": signed.checkpoint.origin,
        "size": signed.checkpoint.head.size,
        "root": signed.checkpoint.head.root.to_string(),
    });
    Ok(Said::new(lines, json))
}

fn of_checkpoints(text: &str, keys: &[VerifierKey]) -> anyhow::Result<Said> {
    let (earlier, later) = ConsistencyProof::parse(text)?.check(keys)?;
    let said = |checkpoint: &Checkpoint| format!("{} entries, root {}", checkpoint.head.size, checkpoint.head.root);
    let lines = vec![("Ledger", later.origin.clone()), ("Earlier", said(&earlier)), ("Later", said(&later))];
    let of = |checkpoint: &Checkpoint| json!({"size": checkpoint.head.size, "root": checkpoint.head.root.to_string()});
    Ok(Said::new(lines, json!({"ok": true, "origin": later.origin, "earlier": of(&earlier), "later": of(&later)})))
}

/// That it was signed: who folds the same events finds whether it is right.
fn of_figure(text: &str, keys: &[VerifierKey]) -> anyhow::Result<Said> {
    let said = Attestation::open(text, keys)?;
    let of = |number: Option<&String>| number.map_or("no data", String::as_str).to_owned();
    let positions: Vec<String> =
        said.partitions.iter().enumerate().map(|(partition, head)| format!("{partition}-{}", head.size)).collect();
    let lines = vec![
        ("Ledger", said.ledger.clone()),
        (
            "Figure",
            format!("{} of {}, {} {}, definition {}", said.kpi, said.tenant, said.period, said.segment, said.definition),
        ),
        ("Value", of(said.figure.as_ref().and_then(|figure| figure.value.as_ref()))),
        ("Rests on", format!("{} events in {} parts", said.events, said.parts)),
        ("As of", said.as_of.clone().unwrap_or_else(|| "the events before these positions".to_owned())),
        ("Positions", positions.join(",")),
    ];
    let mut json = serde_json::to_value(&said)?;
    json["ok"] = json!(true);
    Ok(Said::new(lines, json))
}

/// That the ledger says so: the proof of its event shows that it is there.
fn of_erasure(text: &str, keys: &[VerifierKey]) -> anyhow::Result<Said> {
    let said = ErasureCertificate::open(text, keys)?;
    let events = said.events.map_or_else(|| "not counted".to_owned(), |events| events.to_string());
    let lines = vec![
        ("Ledger", said.ledger.clone()),
        ("Erased", format!("{} of {}, by {}", said.subject, said.tenant, said.reason)),
        ("When", said.erased_at.clone()),
        ("Event", format!("{}, leaf {}", said.event, said.leaf)),
        ("Nobody's", events),
    ];
    let mut json = serde_json::to_value(&said)?;
    json["ok"] = json!(true);
    Ok(Said::new(lines, json))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
