//! Over the network against UmaDB, an event store made for append speed: its server in a process of its own, with the
//! settings it comes with, asked by its own gRPC client, a connection a client. Our side does more with each event: it is
//! decided, published and projected, and its backlog is worked off before the other side's turn.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use umadb_client::AsyncUmaDbClient;
use umadb_dcb::{DcbEvent, DcbEventStoreAsync as _};
use umadb_server::{ServerOptions, StorageOptions, start_server_with_options};
use uuid::Uuid;

use crate::http::{Program, line};
use crate::report::{Report, median, rate};
use crate::servers::Servers;
use crate::store::{CAPSULES, record, turn};

pub(crate) const SERVE: &str = "umadb-serve";

const TURNS: usize = 3;
const LOADS: [(usize, usize, &str); 3] = [(64, 1, "≥ 1×"), (1_024, 1, "≥ 1.5×"), (64, 100, "≥ 1×")];

/// What this program is when it is started as UmaDB's server.
pub(crate) async fn serve(directory: &str, address: &str) -> anyhow::Result<()> {
    let (_running, stop) = tokio::sync::oneshot::channel();
    let storage = StorageOptions::default().db_path(directory);
    let options = ServerOptions { listen_addr: address.to_owned(), tls: None, api_key: None, storage };
    start_server_with_options(options, stop).await.map_err(|error| anyhow::anyhow!("{error}"))
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(directory: &Path) -> anyhow::Result<(Server, String)> {
    std::fs::create_dir_all(directory)?;
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let child = Command::new(std::env::current_exe()?)
        .arg(SERVE)
        .arg(directory)
        .arg(&address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    Ok((Server(child), format!("http://{address}")))
}

async fn clients(url: &str, count: usize) -> anyhow::Result<Arc<Vec<AsyncUmaDbClient>>> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(AsyncUmaDbClient::connect(url.to_owned(), None, None, None).await?);
    }
    Ok(Arc::new(clients))
}

fn event(number: usize) -> DcbEvent {
    DcbEvent {
        event_type: "InteractionRecorded".to_owned(),
        tags: vec![format!("capsule:c{}", number % CAPSULES)],
        data: record(number),
        uuid: Some(Uuid::new_v4()),
        ..DcbEvent::default()
    }
}

pub(crate) async fn against_umadb(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let program = Arc::new(Program::start(servers, "umadb").await?);
    let (_server, url) = start(&servers.directory().join("umadb-server"))?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (connections, events, wanted) in LOADS {
        let clients = clients(&url, connections).await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for number in 0..=TURNS {
            let mine = ours_for_a_turn(&program, connections, events).await?;
            let other = theirs_for_a_turn(&clients, connections, events).await;
            let note = if number == 0 { " (warming up)" } else { "" };
            println!("   {connections} clients × {events}: {} against {}{note}", rate(mine), rate(other));
            if number > 0 {
                ours.push(mine);
                theirs.push(other);
            }
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        report.add(
            &format!("over the network, {connections} clients, {events} event(s) a request, against UmaDB"),
            format!("{:.2}× ({} against {})", ours / theirs, rate(ours), rate(theirs)),
            wanted,
        );
    }
    Ok(())
}

/// Events a second, durable.
async fn ours_for_a_turn(program: &Arc<Program>, connections: usize, events: usize) -> anyhow::Result<f64> {
    let sender = program.clone();
    let requests = turn(connections, move |number| {
        let program = sender.clone();
        async move {
            let body = (0..events).map(|n| line(number * events + n) + "\n").collect();
            let answer = program.post("/v1/interactions", body).await.expect("recorded");
            assert_eq!(answer["accepted"], events);
        }
    })
    .await;
    let last = program.post("/v1/interactions", line(0)).await?;
    program.wait_until_visible(last["token"].as_str().context("a token")?).await?;
    #[allow(clippy::cast_precision_loss)]
    Ok(requests * events as f64)
}

async fn theirs_for_a_turn(clients: &Arc<Vec<AsyncUmaDbClient>>, connections: usize, events: usize) -> f64 {
    let clients = clients.clone();
    let requests = turn(connections, move |number| {
        let clients = clients.clone();
        async move {
            let events = (0..events).map(|n| event(number * events + n)).collect();
            clients[number % connections].append(events, None, None).await.expect("appended");
        }
    })
    .await;
    #[allow(clippy::cast_precision_loss)]
    {
        requests * events as f64
    }
}
