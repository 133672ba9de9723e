//! Keeps one server running: starts it, starts it again when it dies, stops it when asked. Knows no server in particular.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::error::Error;
use crate::guard::{Guard, Ward};
use crate::launch::{self, Program};
use crate::logs::Log;
use crate::process;
use crate::record::ProcessRecord;

/// A server that is neither ready nor has written to its log for this long does not come up. One that recovers after a
/// crash may take longer, and says so in its log.
const SILENCE_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Other programs may take a port between our look and the server's bind, but hardly this often.
const PORT_TRIES: u32 = 5;

const BACK_OFF_FIRST: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// A server that ran this long has not failed to start: the next restart is quick again.
const SETTLED_AFTER: Duration = Duration::from_secs(30);

/// What the supervisor must know of a server.
pub(crate) trait Server: Send + Sync + 'static {
    const NAME: &'static str;
    const WARD: Ward;
    /// How to ask it to stop, ever more firmly, and how long to wait each time.
    const STOP: &'static [(Signal, Duration)];

    /// Clears away what a dead predecessor left, writes the configuration, and says what to run.
    fn prepare(&self) -> Result<Program, Error>;
    /// Whether the process `pid` accepts work.
    fn is_ready(&self, pid: u32) -> impl Future<Output = bool> + Send;
    fn choose_other_ports(&mut self) -> Result<(), Error>;
    fn record(&self, process: Option<ProcessRecord>) -> Result<(), Error>;
}

/// The current process of a server, for those who only want to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurrentPid(Arc<AtomicU32>);

impl CurrentPid {
    pub(crate) fn get(&self) -> Option<u32> {
        Some(self.0.load(Ordering::Acquire)).filter(|pid| *pid != 0)
    }

    fn set(&self, pid: Option<u32>) {
        self.0.store(pid.unwrap_or(0), Ordering::Release);
    }
}

/// A server under supervision.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) pid: CurrentPid,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Returns once the server is ready; from then on it is kept until `stop` is cancelled. Gives the server back as it
    /// was started, for its ports may have changed.
    pub(crate) async fn start<S: Server>(
        mut server: S,
        guard: Arc<Guard>,
        log: Log,
        stop: CancellationToken,
    ) -> Result<(Arc<S>, Self), Error> {
        let pid = CurrentPid::default();
        let since = Instant::now();
        let mut tries = 1;
        let child = loop {
            match start_once(&server, &guard, &log, &pid).await {
                Ok(child) => break child,
                Err(error) if error.is_port_taken() && tries < PORT_TRIES => {
                    tries += 1;
                    warn!(server = S::NAME, "A port was taken meanwhile; trying others");
                    server.choose_other_ports()?;
                }
                Err(error) => return Err(error),
            }
        };
        info!("{} is up after {:.1} s", S::NAME, since.elapsed().as_secs_f32());
        let server = Arc::new(server);
        let keeper = Keeper { server: server.clone(), guard, log, pid: pid.clone(), stop };
        let task = tokio::spawn(keeper.keep(child));
        Ok((server, Self { pid, task }))
    }

    /// Waits for the end of a server whose `stop` was cancelled.
    pub(crate) async fn stopped(self) -> Result<(), Error> {
        self.task.await.map_err(|_| Error::KeeperGone)
    }
}

async fn start_once<S: Server>(server: &S, guard: &Guard, log: &Log, pid: &CurrentPid) -> Result<Child, Error> {
    let from = log.begin()?;
    let mut child = launch(server, guard, log, pid).await?;
    let failed = match until_ready(server, &mut child, log).await {
        Waited::Ready => return Ok(child),
        Waited::Ended(status) => {
            Error::Died { server: S::NAME, status: describe(status), log: log.path().to_path_buf(), tail: log.tail(from) }
        }
        Waited::Silent => {
            end::<S>(&mut child).await;
            Error::NotReady {
                server: S::NAME,
                silence_s: SILENCE_MAX.as_secs(),
                log: log.path().to_path_buf(),
                tail: log.tail(from),
            }
        }
    };
    pid.set(None);
    Err(failed)
}

async fn launch<S: Server>(server: &S, guard: &Guard, log: &Log, current: &CurrentPid) -> Result<Child, Error> {
    let program = server.prepare()?;
    let (child, pid) = launch::launch(program, S::WARD, guard, log).await?;
    server.record(ProcessRecord::of(pid))?;
    current.set(Some(pid));
    Ok(child)
}

enum Waited {
    Ready,
    Ended(std::io::Result<ExitStatus>),
    Silent,
}

async fn until_ready<S: Server>(server: &S, child: &mut Child, log: &Log) -> Waited {
    let mut heard = Instant::now();
    let mut length = log.len();
    loop {
        tokio::select! {
            status = child.wait() => return Waited::Ended(status),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let Some(pid) = child.id() else { continue };
        if server.is_ready(pid).await {
            return Waited::Ready;
        }
        if log.len() != length {
            (heard, length) = (Instant::now(), log.len());
        }
        if heard.elapsed() > SILENCE_MAX {
            return Waited::Silent;
        }
    }
}

async fn end<S: Server>(child: &mut Child) {
    for (signal, patience) in S::STOP {
        let Some(pid) = child.id() else { return };
        process::signal(pid, *signal);
        if tokio::time::timeout(*patience, child.wait()).await.is_ok() {
            return;
        }
        warn!(server = S::NAME, %signal, "{} has not stopped within {} s", S::NAME, patience.as_secs());
    }
}

struct Keeper<S> {
    server: Arc<S>,
    guard: Arc<Guard>,
    log: Log,
    pid: CurrentPid,
    stop: CancellationToken,
}

impl<S: Server> Keeper<S> {
    async fn keep(self, mut child: Child) {
        let mut delay = BACK_OFF_FIRST;
        let mut started = Instant::now();
        let mut from = 0;
        let mut is_ready = true;
        loop {
            let ended = tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    end::<S>(&mut child).await;
                    return self.note_stopped();
                }
                status = self.run_to_end(&mut child, is_ready) => status,
            };
            self.pid.set(None);
            if started.elapsed() > SETTLED_AFTER {
                delay = BACK_OFF_FIRST;
            }
            error!(
                server = S::NAME,
                "{} ended ({}); starting it again. The end of {}:\n{}",
                S::NAME,
                describe(ended),
                self.log.path().display(),
                self.log.tail(from)
            );
            let Some(again) = self.start_again(&mut delay).await else {
                return self.note_stopped();
            };
            (child, from) = again;
            (started, is_ready) = (Instant::now(), false);
        }
    }

    /// Tries until it is launched; `None` where we are to stop.
    async fn start_again(&self, delay: &mut Duration) -> Option<(Child, u64)> {
        loop {
            let wait = *delay;
            *delay = (*delay * 2).min(BACK_OFF_MAX);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(wait) => {}
            }
            let launched = match self.log.begin() {
                Ok(from) => launch(&*self.server, &self.guard, &self.log, &self.pid).await.map(|child| (child, from)),
                Err(error) => Err(error),
            };
            match launched {
                Ok(launched) => return Some(launched),
                Err(error) => error!(server = S::NAME, "{} could not be started again: {error}", S::NAME),
            }
        }
    }

    async fn run_to_end(&self, child: &mut Child, is_ready: bool) -> std::io::Result<ExitStatus> {
        let mut is_ready = is_ready;
        while !is_ready {
            match until_ready(&*self.server, child, &self.log).await {
                Waited::Ready => {
                    is_ready = true;
                    info!(server = S::NAME, "{} is up again", S::NAME);
                }
                Waited::Ended(status) => return status,
                // Whatever it does, killing it would not make it quicker.
                Waited::Silent => error!(server = S::NAME, "{} is still not up", S::NAME),
            }
        }
        child.wait().await
    }

    fn note_stopped(&self) {
        self.pid.set(None);
        if let Err(error) = self.server.record(None) {
            warn!(server = S::NAME, "{error}"); // the next start looks for leftovers in any case
        }
    }
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    }
}
