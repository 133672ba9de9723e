//! What takes long to make: whoever asks first is soon told that it is being worked out, and has it as soon as it is there. It is
//! made once for all who ask meanwhile, however many, and whether they wait for it or not.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::response::Response;
use chrono::NaiveDate;
use domain::Grain;
use domain::kpis::Kpi;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::view::View;
use super::words::period;
use super::{Frame, frame};
use crate::auth::{Caller, Read};
use crate::pages::page;
use crate::problem::{INTERNAL, Problem, TOO_BUSY};
use crate::progression::Freshness;
use crate::reading::read;
use crate::state::{Api, Shared};

/// So long whoever asks first waits for the page itself.
pub(super) const SOON: Duration = Duration::from_millis(120);
/// So long whoever was told already: the page that told asks again at once, and says then how far it is.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(3);

/// Stands for a page that is being worked out, and asks for it again.
#[derive(Debug, Template)]
#[template(path = "making.html")]
struct MakingPage {
    frame: Frame,
    about: String,
    what: &'static str,
    progress: Option<(usize, usize)>,
}

/// A page that is being worked out.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) view: &'a View,
    pub(super) title: &'a str,
    /// What stands above the title.
    pub(super) about: String,
    /// What is being done, as a sentence.
    pub(super) what: &'static str,
    /// So many series of so many are there.
    pub(super) progress: Option<(usize, usize)>,
}

impl<'a> Making<'a> {
    /// Of what is about one figure.
    pub(super) fn of_figure(view: &'a View, title: &'a str, figure: (&Kpi, Grain, NaiveDate), what: &'static str) -> Self {
        let (kpi, grain, start) = figure;
        Self { view, title, about: format!("{} · {}", kpi.name, period(grain, start)), what, progress: None }
    }

    /// The page that stands for it.
    pub(super) fn page(self, api: &Api, caller: &Caller<Read>) -> Result<Response, Problem> {
        let Self { view, title, about, what, progress } = self;
        let frame = frame(view, caller, api.progression.seen().freshness(), title).without_rhythms();
        page(&MakingPage { frame, about, what, progress })
    }
}

/// Answers by their questions: those that are being read, and for a minute those that took long.
#[derive(Debug)]
pub(super) struct Readings<Q, T> {
    readings: Mutex<HashMap<Q, Reading<T>>>,
    places: Arc<Semaphore>,
}

/// None: it is being read.
type Reading<T> = watch::Receiver<Option<Arc<Answer<T>>>>;

#[derive(Debug)]
struct Answer<T> {
    found: Result<Arc<T>, Problem>,
    until: Instant,
}

/// So many are read at once, and leave the other connections to quicker questions.
const AT_ONCE: usize = 2;
/// Up to some 100 KB each.
const KEPT_MAX: usize = 200;
const KEPT_FOR: Duration = Duration::from_secs(60);
/// Long enough for those to hear of it who wait.
pub(super) const PROBLEM_KEPT_FOR: Duration = Duration::from_secs(10);
/// What is there sooner is not kept: nobody was told to ask for it again.
const LONG: Duration = Duration::from_millis(50);

fn failed() -> Problem {
    Problem::new(&INTERNAL, "what was asked for could not be read; the server's log says why")
}

impl<Q, T> Default for Readings<Q, T> {
    fn default() -> Self {
        Self { readings: Mutex::default(), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl<Q: Eq + Hash, T: Send + Sync + 'static> Readings<Q, (T, Freshness)> {
    /// What is asked for and how fresh it is, or the page that stands for it meanwhile. Without a question it is of the present, which
    /// is waited for and read each time.
    pub(super) async fn or_page(
        &self,
        (api, caller): (&Shared, &Caller<Read>),
        question: Option<Q>,
        ask: BoxFuture<'static, Result<T, Problem>>,
        making: Making<'_>,
    ) -> Result<ControlFlow<Response, Arc<(T, Freshness)>>, Problem> {
        let reading = {
            let api = Arc::clone(api);
            async move { read(&api, None, ask).await }
        };
        let Some(question) = question else { return Ok(ControlFlow::Continue(Arc::new(reading.await?))) };
        match self.of(question, reading).await? {
            Some(answer) => Ok(ControlFlow::Continue(answer)),
            None => Ok(ControlFlow::Break(making.page(api, caller)?)),
        }
    }
}

impl<Q: Eq + Hash, T: Send + Sync + 'static> Readings<Q, T> {
    /// The answer to a question, kept or read now. None: it is being read, and will be there when it is asked for again.
    async fn of(
        &self,
        question: Q,
        read: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<Option<Arc<T>>, Problem> {
        let (mut reading, wait) = self.begun(question, read)?;
        match timeout(wait, reading.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.as_ref().expect("it was waited for").found.clone().map(Some),
            Ok(Err(_)) => Err(failed()),
            Err(_) => Ok(None),
        }
    }

    /// And how long it is to be waited for.
    fn begun(
        &self,
        question: Q,
        read: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<(Reading<T>, Duration), Problem> {
        let mut readings = self.readings.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Instant::now();
        readings.retain(|_, reading| reading.borrow().as_ref().is_none_or(|answer| answer.until > asked));
        if let Some(reading) = readings.get(&question) {
            return Ok((reading.clone(), WAIT_MAX));
        }
        if readings.len() >= KEPT_MAX {
            readings.retain(|_, reading| reading.borrow().is_none());
        }
        if readings.len() >= KEPT_MAX {
            return Err(Problem::new(&TOO_BUSY, format!("{KEPT_MAX} other questions are being answered")));
        }
        let (told, reading) = watch::channel(None);
        let places = Arc::clone(&self.places);
        tokio::spawn(async move {
            let _place = places.acquire_owned().await.expect("it is never closed");
            // In a task of its own: whatever becomes of it, whoever waits is told.
            let found = tokio::spawn(read).await.unwrap_or_else(|ended| {
                tracing::error!(%ended, "what was asked for could not be read");
                Err(failed())
            });
            let kept_for = match &found {
                _ if asked.elapsed() < LONG => Duration::ZERO,
                Ok(_) => KEPT_FOR,
                Err(_) => PROBLEM_KEPT_FOR,
            };
            told.send_replace(Some(Arc::new(Answer { found: found.map(Arc::new), until: Instant::now() + kept_for })));
        });
        readings.insert(question, reading.clone());
        Ok((reading, SOON))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::sleep;

    use super::*;
    use crate::problem::NOT_FOUND;

    static READ: AtomicUsize = AtomicUsize::new(0);

    async fn read_for(takes: Duration, answer: Result<u8, Problem>) -> Result<u8, Problem> {
        READ.fetch_add(1, Ordering::Relaxed);
        sleep(takes).await;
        answer
    }

    #[tokio::test]
    async fn what_takes_long_is_told_soon_read_once_and_kept_whoever_waits() {
        let readings = Readings::default();
        let long = SOON * 3;
        assert_eq!(readings.of("long", read_for(long, Ok(7))).await.unwrap(), None, "it is said soon that it takes long");
        let ask = || readings.of("long", read_for(long, Ok(8)));
        let (one, other) = tokio::join!(ask(), ask());
        assert_eq!(
            (one.unwrap().as_deref(), other.unwrap().as_deref()),
            (Some(&7), Some(&7)),
            "whoever asks again waits for it"
        );
        assert_eq!(ask().await.unwrap().as_deref(), Some(&7), "and later it is kept");

        let problem = || Err(Problem::new(&NOT_FOUND, "gone"));
        assert_eq!(readings.of("wrong", read_for(long, problem())).await.unwrap(), None);
        for _ in 0..2 {
            let told = readings.of("wrong", read_for(long, Ok(9))).await.unwrap_err();
            assert_eq!((told.kind.code, told.detail.as_str()), ("not_found", "gone"), "a problem is told, not read for ever");
        }
        let fails = async move { read_for(long, Ok(0)).await.map(|_| -> u8 { panic!("a fault of ours") }) };
        assert_eq!(readings.of("fails", fails).await.unwrap(), None);
        assert_eq!(readings.of("fails", read_for(long, Ok(9))).await.unwrap_err().kind.code, "internal");
        assert_eq!(READ.load(Ordering::Relaxed), 3, "each was read once");

        for answer in [1, 2] {
            let found = readings.of("quick", read_for(Duration::ZERO, Ok(answer))).await.unwrap();
            assert_eq!(found.as_deref(), Some(&answer), "what is read soon is read anew");
        }
    }

    #[tokio::test]
    async fn who_was_told_to_ask_again_has_what_was_read_after_it_was_waited_for() {
        let readings = Readings::default();
        for question in 0..AT_ONCE {
            let long = async {
                sleep(SOON * 3).await;
                Ok(())
            };
            readings.begun(question, long).map(drop).unwrap();
        }
        assert_eq!(readings.of(AT_ONCE, async { Ok(()) }).await.unwrap(), None, "no place is free");
        sleep(SOON * 4).await;
        let again = readings.of(AT_ONCE, async { unreachable!("it is read once") }).await;
        assert_eq!(again.unwrap().as_deref(), Some(&()));
    }

    #[tokio::test]
    async fn so_many_questions_at_most_are_open() {
        let readings = Readings::default();
        let never = || std::future::pending::<Result<u8, Problem>>();
        for question in 0..KEPT_MAX {
            readings.begun(question, never()).map(drop).unwrap();
        }
        let told = readings.of(KEPT_MAX, never()).await.unwrap_err();
        assert_eq!(told.kind.code, "too_busy");
        assert_eq!(readings.begun(0, never()).unwrap().1, WAIT_MAX, "those that are open are waited for");
    }
}
