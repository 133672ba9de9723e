//! From commands to outcomes: load what a decision needs, decide, append, and decide again where something moved.
//!
//! The usual interaction is decided without loading anything: its own stream is taken to be new, which the append checks,
//! and its capsule comes from memory, which the append checks too. An answer that appends nothing is given only on what was
//! loaded afresh, for nothing checks it afterwards. The same holds of whom a command is about (`people.rs`).

use std::sync::Arc;

use domain::interaction::InteractionCommand;
use domain::{
    AggregateType, Capsule, Command, Context, Event, Metadata, NewEvent, Partition, Position, Rejection, State, Stream,
    TenantId,
};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::commit::{AppendError, Appended, Commit, Expected};
use crate::error::Error;
use crate::idempotency::{self, Answered, Claim};
use crate::people::About;
use crate::request::{ExecuteError, Outcome, Request};
use crate::store::Store;
use crate::streams::{self, KnownCapsule, Loaded, capsule_key};

type Answer = Result<Outcome, ExecuteError>;

impl Store {
    /// Carries out one command. When this returns an outcome, it is durable.
    pub async fn execute(&self, request: Request) -> Answer {
        self.execute_many(vec![request]).await.pop().expect("one answer for each request")
    }

    /// Carries out many commands, as if one after the other; each succeeds or fails by itself. The answers are in the same
    /// order. Commands for the same aggregate, or for the capsule of another, wait for each other: send them apart where
    /// speed matters.
    pub async fn execute_many(&self, requests: Vec<Request>) -> Vec<Answer> {
        let mut tasks: Vec<Task> = requests.into_iter().map(Task::new).collect();
        if self.is_closing() {
            return tasks.iter().map(|_| Err(ExecuteError::ShuttingDown)).collect();
        }
        for task in &mut tasks {
            if let Some(key) = &task.request.idempotency {
                task.claim = self.inner.in_flight.claim(&task.request.tenant, &key.key);
                if task.claim.is_none() {
                    task.answer = Some(Err(ExecuteError::IdempotencyKeyInUse));
                }
            }
        }
        if let Err(error) = self.meet_people(&mut tasks).await {
            fail_open(&mut tasks, &error);
        }
        while tasks.iter().any(|task| task.answer.is_none()) {
            if let Err(error) = self.round(&mut tasks).await {
                fail_open(&mut tasks, &error);
            }
        }
        count(&tasks);
        tasks.into_iter().map(|task| task.answer.expect("no task is open any more")).collect()
    }

    /// Decides every open task that waits for no other, appends, and answers.
    async fn round(&self, tasks: &mut [Task]) -> Result<(), Error> {
        let (answers, ()) = futures::try_join!(self.known_keys(tasks), self.forget_old_epochs(tasks, Task::is_keyed))?;
        self.meet_again(tasks).await?;
        answer_known(tasks, answers);
        let capsules = self.capsules(tasks);
        let loading = self.load_needed(tasks, &capsules);
        let (loaded, ()) =
            futures::try_join!(loading, self.forget_old_epochs(tasks, |task| !task.is_keyed() && task.needs_own_stream()))?;
        self.meet_again(tasks).await?;
        let partitions = self.partitions();
        let mut round = Round { partitions, loaded, capsules, pending: Pending::default(), commits: vec![], leaders: vec![] };
        round.decide(tasks);
        let Round { commits, leaders, pending, .. } = round;
        for task in tasks.iter_mut().filter(|task| task.answer.is_none()) {
            if let Some(Step::Nothing(outcome)) = &task.step {
                let outcome = outcome.clone();
                self.answer_nothing(task, outcome).await?;
            }
        }
        let results = if commits.is_empty() { Vec::new() } else { self.append_once(commits).await };
        for (index, result) in leaders.into_iter().zip(results) {
            self.settle(&mut tasks[index], result);
        }
        for index in pending.followers {
            let Some(Step::Follow { leader, rejection }) = tasks[index].step.take() else { continue };
            let Some(Ok(outcome)) = &tasks[leader].answer else { continue };
            match rejection {
                Some(rejection) => tasks[index].answer = Some(Err(rejection.into())),
                None => {
                    let outcome = Outcome { appended: vec![], events: vec![], replayed: false, ..outcome.clone() };
                    self.answer_nothing(&mut tasks[index], outcome).await?;
                }
            }
        }
        Ok(())
    }

    /// What the open tasks' idempotency keys were used for, by task.
    async fn known_keys(&self, tasks: &[Task]) -> Result<Vec<(usize, Answered)>, Error> {
        let keyed: Vec<usize> = (0..tasks.len())
            .filter(|index| tasks[*index].answer.is_none() && tasks[*index].request.idempotency.is_some())
            .collect();
        if keyed.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<(&TenantId, &str)> = keyed
            .iter()
            .filter_map(|index| {
                let request = &tasks[*index].request;
                Some((&request.tenant, request.idempotency.as_ref()?.key.as_str()))
            })
            .collect();
        let answers = idempotency::answered(&self.inner.pool, &keys).await?;
        Ok(answers.into_iter().map(|(place, answered)| (keyed[place], answered)).collect())
    }

    /// What is remembered of the capsules that the open tasks' decisions need.
    fn capsules(&self, tasks: &[Task]) -> FxHashMap<usize, KnownCapsule> {
        let open = tasks.iter().enumerate().filter(|(_, task)| task.answer.is_none() && !task.afresh);
        open.filter_map(|(index, task)| {
            let capsule = task.request.command.capsule()?;
            Some((index, self.inner.capsules.get(&capsule_key(&task.request.tenant, capsule.as_str()))?))
        })
        .collect()
    }

    async fn load_needed(&self, tasks: &[Task], capsules: &FxHashMap<usize, KnownCapsule>) -> Result<Loaded, Error> {
        let mut needed: FxHashSet<Stream> = FxHashSet::default();
        for (index, task) in tasks.iter().enumerate().filter(|(_, task)| task.answer.is_none()) {
            if task.needs_own_stream() {
                needed.insert(task.stream.clone());
            }
            if let Some(capsule) = task.request.command.capsule()
                && !capsules.contains_key(&index)
            {
                needed.insert(Stream::capsule(&task.request.tenant, capsule));
            }
        }
        if needed.is_empty() {
            return Ok(Loaded::default());
        }
        let needed: Vec<Stream> = needed.into_iter().collect();
        let loaded = streams::load(&self.inner.pool, &needed).await?;
        for (stream, found) in &loaded {
            if matches!(found.state, State::Capsule(_)) {
                streams::remember(&self.inner.capsules, KnownCapsule::new(stream.clone(), &found.state, found.version));
            }
        }
        Ok(loaded)
    }

    /// Answers a task that appended nothing; under an idempotency key the answer is kept first.
    async fn answer_nothing(&self, task: &mut Task, outcome: Outcome) -> Result<(), Error> {
        if let Some(key) = &task.request.idempotency
            && !idempotency::keep(&self.inner.pool, &task.request.tenant, key, &outcome).await?
        {
            return Ok(()); // Another process answered it meanwhile: the next round finds its answer.
        }
        task.answer = Some(Ok(outcome));
        Ok(())
    }

    fn settle(&self, task: &mut Task, result: Result<Appended, AppendError>) {
        let Some(Step::Append { capsule, events }) = task.step.take() else {
            unreachable!("only decided tasks were appended");
        };
        match result {
            Ok(appended) => {
                if let Some(state) = capsule {
                    let known = KnownCapsule::new(task.stream.clone(), &state, appended.version);
                    streams::remember(&self.inner.capsules, known);
                }
                let positions = appended.first.0..appended.next_position().0;
                task.answer = Some(Ok(Outcome {
                    version: appended.version,
                    appended: positions.map(|position| (appended.partition, Position(position))).collect(),
                    partition: appended.partition,
                    next_position: appended.next_position(),
                    events,
                    replayed: false,
                }));
            }
            Err(error) if error.is_conflict() && task.attempts < self.inner.settings.decide_attempts_max => {
                task.attempts += 1;
                task.afresh = true;
            }
            Err(error) => task.answer = Some(Err(error.into())),
        }
    }
}

fn answer_known(tasks: &mut [Task], answers: Vec<(usize, Answered)>) {
    for (index, answered) in answers {
        let task = &mut tasks[index];
        let is_same = task.request.idempotency.as_ref().is_some_and(|key| key.request_hash[..] == answered.request_hash);
        task.answer = Some(if is_same { Ok(answered.outcome) } else { Err(ExecuteError::IdempotencyKeyReused) });
    }
}

/// One request on its way to its answer.
pub(crate) struct Task {
    pub(crate) request: Request,
    pub(crate) stream: Stream,
    /// Trust no memory: load the stream and the capsule.
    afresh: bool,
    attempts: u32,
    step: Option<Step>,
    pub(crate) answer: Option<Answer>,
    claim: Option<Claim>,
    /// Whom it is about.
    pub(crate) about: Option<About>,
}

/// Where a task stands within a round; none: it waits for the next.
enum Step {
    /// Decided to these events; of a capsule, the state after them.
    Append { capsule: Option<State>, events: Vec<&'static str> },
    /// Decided to no event.
    Nothing(Outcome),
    /// Answered without an append of its own once the one before it on the same stream is durable.
    Follow { leader: usize, rejection: Option<Rejection> },
}

impl Task {
    fn new(request: Request) -> Self {
        let stream = request.stream();
        Self { request, stream, afresh: false, attempts: 0, step: None, answer: None, claim: None, about: None }
    }

    fn is_keyed(&self) -> bool {
        self.request.idempotency.is_some()
    }

    pub(crate) fn needs_own_stream(&self) -> bool {
        let is_new = matches!(self.request.command, Command::Interaction(InteractionCommand::Record(_)));
        self.afresh || !is_new || self.request.expected_version.is_some()
    }
}

/// The streams that this round's commits write.
#[derive(Default)]
struct Pending {
    written: FxHashMap<Stream, Written>,
    /// Streams with an earlier command that waits for the next round.
    blocked: FxHashSet<Stream>,
    /// Capsules that such a command reads: until then nothing may write them.
    read: FxHashSet<Stream>,
    followers: Vec<usize>,
}

impl Pending {
    fn wait(&mut self, task: &Task) {
        self.blocked.insert(task.stream.clone());
        if let Some(capsule) = task.request.command.capsule() {
            self.read.insert(Stream::capsule(&task.request.tenant, capsule));
        }
    }
}

struct Written {
    leader: usize,
    before: State,
    events: Vec<Event>,
}

impl Written {
    /// The state after its events, which are put into `before` when somebody first asks.
    fn after(&mut self) -> &State {
        for event in self.events.drain(..) {
            let before = std::mem::replace(&mut self.before, State::initial(AggregateType::Capsule));
            self.before = before.evolve(&event);
        }
        &self.before
    }
}

struct Round {
    partitions: u16,
    loaded: Loaded,
    capsules: FxHashMap<usize, KnownCapsule>,
    pending: Pending,
    commits: Vec<Commit>,
    /// The task of each commit.
    leaders: Vec<usize>,
}

impl Round {
    fn decide(&mut self, tasks: &mut [Task]) {
        let is_single = tasks.len() == 1;
        let mut metadata: Option<(Arc<Metadata>, Arc<str>)> = None;
        for (index, task) in tasks.iter_mut().enumerate().filter(|(_, task)| task.answer.is_none()) {
            task.step = None;
            let capsule = self.capsule(index, task);
            if !is_single && self.must_wait(index, task, capsule.as_ref()) {
                if task.step.is_none() {
                    self.pending.wait(task);
                }
                continue;
            }
            let json = match &metadata {
                Some((shared, json)) if Arc::ptr_eq(shared, &task.request.metadata) => Arc::clone(json),
                _ => {
                    let json = task.request.metadata.json();
                    metadata = Some((Arc::clone(&task.request.metadata), Arc::clone(&json)));
                    json
                }
            };
            self.decide_one(index, task, capsule, json, is_single);
            if task.step.is_none() && task.answer.is_none() && !is_single {
                self.pending.wait(task);
            }
        }
    }

    /// The capsule as this round knows it.
    fn capsule(&self, index: usize, task: &Task) -> Option<KnownCapsule> {
        let id = task.request.command.capsule()?;
        Some(self.capsules.get(&index).cloned().unwrap_or_else(|| {
            let stream = Stream::capsule(&task.request.tenant, id);
            match self.loaded.get(&stream) {
                Some(found) => KnownCapsule::new(stream, &found.state, found.version),
                None => KnownCapsule::unknown(stream),
            }
        }))
    }

    /// Whether an earlier command of this request comes first. Where that one is being appended and this one would add
    /// nothing to it, this one is answered along with it.
    fn must_wait(&mut self, index: usize, task: &mut Task, capsule: Option<&KnownCapsule>) -> bool {
        let Pending { written, blocked, read, followers } = &mut self.pending;
        if let Some(known) = capsule
            && (written.contains_key(&*known.guard.stream) || blocked.contains(&*known.guard.stream))
        {
            return true;
        }
        if blocked.contains(&task.stream) || read.contains(&task.stream) {
            return true;
        }
        let Some(before) = written.get_mut(&task.stream) else { return false };
        if task.request.expected_version.is_none() {
            let context = context(task, capsule);
            let rejection = match before.after().decide(task.request.command.clone(), &context) {
                Ok(events) if events.is_empty() => None,
                Ok(_) => return true,
                Err(rejection) => Some(rejection),
            };
            task.step = Some(Step::Follow { leader: before.leader, rejection });
            followers.push(index);
        }
        true
    }

    fn decide_one(&mut self, index: usize, task: &mut Task, capsule: Option<KnownCapsule>, metadata: Arc<str>, single: bool) {
        let found = self.loaded.get(&task.stream);
        let is_loaded = task.needs_own_stream();
        let version = found.filter(|_| is_loaded).map_or(0, |found| found.version);
        if let Some(expected) = task.request.expected_version
            && expected != version
        {
            task.answer = Some(Err(ExecuteError::VersionMismatch { actual: version }));
            return;
        }
        let initial = State::initial(task.stream.aggregate_type);
        let state = found.filter(|_| is_loaded).map_or(&initial, |found| &found.state);
        let is_afresh = is_loaded && (capsule.is_none() || !self.capsules.contains_key(&index));
        let events = match state.decide(task.request.command.clone(), &context(task, capsule.as_ref())) {
            Ok(events) => events,
            Err(rejection) if is_afresh => {
                task.answer = Some(Err(rejection.into()));
                return;
            }
            Err(_) => {
                task.afresh = true; // Another process may have changed it a moment ago: look before saying no.
                return;
            }
        };
        let key = match found {
            Some(found) if is_loaded => found.partition_key.clone(),
            _ => state.partition_key(&task.request.command, &task.stream.id).to_owned(),
        };
        if events.is_empty() {
            let nowhere = || (Partition::of(&task.stream.tenant, &key, self.partitions), Position(0));
            let (partition, next_position) = found.map_or_else(nowhere, |found| (found.partition, found.next_position));
            let (appended, events) = (vec![], vec![]);
            task.step = Some(Step::Nothing(Outcome { version, appended, partition, next_position, events, replayed: false }));
            return;
        }
        let commit = Commit {
            partition_key: key,
            expected: Expected::Exact(version),
            events: events.iter().map(NewEvent::from).collect(),
            metadata,
            guard: capsule.map(|known| known.guard),
            idempotency: task.request.idempotency.clone(),
            people_as_of: task.about.as_ref().map(|about| about.epoch),
            stream: task.stream.clone(),
        };
        let names = events.iter().map(Event::name).collect();
        let is_capsule = matches!(state, State::Capsule(_));
        let capsule = is_capsule.then(|| events.iter().fold(state.clone(), State::evolve));
        task.step = Some(Step::Append { capsule, events: names });
        if !single {
            let written = Written { leader: index, before: state.clone(), events };
            self.pending.written.insert(task.stream.clone(), written);
        }
        self.commits.push(commit);
        self.leaders.push(index);
    }
}

fn context(task: &Task, capsule: Option<&KnownCapsule>) -> Context {
    let capsule = capsule.map_or_else(Arc::<Capsule>::default, |known| Arc::clone(&known.state));
    Context { now: task.request.metadata.received_at, capsule }
}

fn fail_open(tasks: &mut [Task], error: &Error) {
    for task in tasks.iter_mut().filter(|task| task.answer.is_none()) {
        task.answer = Some(Err(ExecuteError::Unavailable(error.clone())));
    }
}

fn count(tasks: &[Task]) {
    let mut counts: FxHashMap<(&str, &'static str), u64> = FxHashMap::default();
    for task in tasks {
        let outcome = match &task.answer {
            Some(Ok(outcome)) if outcome.replayed => "replayed",
            Some(Ok(outcome)) if outcome.appended.is_empty() => "unchanged",
            Some(Ok(_)) => "appended",
            Some(Err(error)) => error.code(),
            None => continue,
        };
        *counts.entry((&task.request.metadata.command, outcome)).or_default() += 1;
    }
    for ((path, outcome), count) in counts {
        let (collection, command) = path.split_once('/').unwrap_or(("", path));
        metrics::counter!(
            "ledger_commands_total",
            "collection" => collection.to_owned(), "command" => command.to_owned(), "outcome" => outcome
        )
        .increment(count);
    }
}
