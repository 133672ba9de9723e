//! What every handler may use.

use std::fmt;
use std::sync::Arc;

use domain::{Partition, Position};
use event_store::keys::Keys;
use event_store::{PgPool, Store};
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use projections::Progress;
use proof::notary::SigningKeys;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::dashboards::Made;
use crate::dashboards::past::Past;
use crate::metrics;
use crate::progression::Progression;
use crate::settings::Settings;
use crate::stream::Newest;

/// Something else that must be well for `/readyz` to say so. The error is shown to operators.
pub type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// How far the relay of this process has published one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    pub partition: Partition,
    /// Kafka has confirmed every position below this one; none while that is being found out.
    pub published: Option<Position>,
    /// Why nothing is being published, if so.
    pub error: Option<String>,
}

/// Asks the relay of this process.
pub type AskRelay = Arc<dyn Fn() -> Vec<Relayed> + Send + Sync>;

/// Asks for the keys that sign for the ledger; none: they cannot be read now.
pub type AskKeys = Arc<dyn Fn() -> Option<SigningKeys> + Send + Sync>;

/// The API of one ledger, before it is served.
pub struct Api {
    pub(crate) store: Store,
    pub(crate) keys: Keys,
    /// For read models only.
    pub(crate) read_pool: PgPool,
    pub(crate) settings: Settings,
    pub(crate) checks: Vec<(&'static str, Check)>,
    pub(crate) progression: Progression,
    pub(crate) access: Access,
    pub(crate) newest: Newest,
    pub(crate) past: Past,
    pub(crate) made: Made,
    /// None: the relay runs in another process.
    pub(crate) relay: Option<AskRelay>,
    /// None: this process signs nothing.
    pub(crate) signing: Option<AskKeys>,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) requests: Semaphore,
    /// A permit is a KiB.
    pub(crate) bodies: Semaphore,
    pub(crate) streams: Arc<Semaphore>,
    /// Live connections end with it; everything else is answered first.
    pub(crate) stopping: CancellationToken,
}

/// As handlers hold it.
pub(crate) type Shared = Arc<Api>;

impl Api {
    pub fn new(store: Store, keys: Keys, read_pool: PgPool, settings: Settings) -> Self {
        Self {
            progression: Progression::new(),
            access: Access::new(),
            newest: Newest::default(),
            past: Past::default(),
            made: Made::default(),
            metrics: metrics::install(),
            requests: Semaphore::new(settings.requests_max),
            bodies: Semaphore::new(settings.bodies_bytes_max >> 10),
            streams: Arc::new(Semaphore::new(settings.streams_max)),
            stopping: CancellationToken::new(),
            checks: Vec::new(),
            relay: None,
            signing: None,
            store,
            keys,
            read_pool,
            settings,
        }
    }

    /// Makes `/readyz` ask this too.
    #[must_use]
    pub fn with_check(mut self, name: &'static str, check: Check) -> Self {
        self.checks.push((name, check));
        self
    }

    /// Where the relay runs in this process: how far it has published, for people to look at.
    #[must_use]
    pub fn with_relay(mut self, relay: AskRelay) -> Self {
        self.relay = Some(relay);
        self
    }

    /// Where this process may sign: figures come with an attestation.
    #[must_use]
    pub fn with_signing(mut self, keys: AskKeys) -> Self {
        self.signing = Some(keys);
        self
    }

    /// Where the projector runs in this process: its progress, known here without asking Postgres.
    #[must_use]
    pub fn with_progress(mut self, progress: watch::Receiver<Progress>) -> Self {
        self.progression = Progression::told_by(progress);
        self
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Api").field("settings", &self.settings).finish_non_exhaustive()
    }
}
