//! The ledger itself: its events, searched the newest first; one event with all that follows from it; and how everything is
//! that carries events onwards.

mod health;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::audit::PersonalDataPurpose;
use domain::kpis::register;
use domain::recorded::{event_id, parse_event_id};
use domain::{AggregateType, Grain, Pseudonym, RecordedEvent, UserId};
use event_store::trees::{TreeId, Trees};
use event_store::{Before, SearchPage, SearchQuery};
use proof::leaf::leaf;
use serde::Deserialize;

use self::health::Health;
use super::format::Locale;
use super::session::Viewer;
use super::view::{View, ViewParameters, for_field, given};
use super::words::{day_of, event_type};
use super::{Frame, frame};
use crate::access::personal_data_read;
use crate::auth::{Audit, Caller, Permission, Read};
use crate::pages::page;
use crate::parameters::{Parameters, cursor, moment, place};
use crate::problem::{NOT_FOUND, Problem};
use crate::reading::{in_time, read};
use crate::state::{Api, Shared};

pub(super) const PATH: &str = "/dashboards/ledger";
const PAGE: usize = 50;
/// Events of an aggregate's stream that stand beside one of them.
const STREAM_MAX: usize = 200;

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerParameters {
    capsule: Option<String>,
    subject: Option<String>,
    collection: Option<String>,
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    key: Option<String>,
    from: Option<String>,
    to: Option<String>,
    cursor: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "ledger.html")]
struct LedgerPage {
    frame: Frame,
    /// Whether the key may read events.
    may_read: bool,
    asked: AskedWords,
    collections: Vec<&'static str>,
    types: Vec<&'static str>,
    /// Why nothing can be found, where that is known.
    nothing: Option<&'static str>,
    events: Vec<EventRow>,
    looked: String,
    first: Option<String>,
    next: Option<String>,
    health: Health,
}

/// What was asked for, as the form shows it.
#[derive(Debug)]
struct AskedWords {
    capsule: String,
    subject: String,
    collection: String,
    id: String,
    event_type: String,
    key: String,
    from: String,
    to: String,
}

#[derive(Debug)]
struct EventRow {
    id: String,
    event_type: String,
    collection: &'static str,
    aggregate_id: String,
    /// So much of it as tells it from others.
    aggregate_short: String,
    aggregate_href: String,
    sequence: u64,
    occurred_at: String,
    recorded_at: String,
    is_this: bool,
}

#[derive(Debug, Template)]
#[template(path = "event.html")]
struct EventPage {
    frame: Frame,
    event: EventRow,
    version: String,
    schema: String,
    partition: u16,
    position: u64,
    /// Base64.
    leaf: String,
    /// A checkpoint covers it.
    is_signed: bool,
    partition_key: String,
    data: String,
    metadata: String,
    /// Read models hold it; else how many events come before it.
    is_projected: bool,
    lag: String,
    views: Vec<(&'static str, String)>,
    kpis: Vec<(&'static str, String, String)>,
    before: Option<String>,
    after: Option<String>,
    /// The newest of its stream's events.
    stream: Vec<EventRow>,
    /// Where the others are, if there are more.
    all: Option<String>,
    json: String,
}

#[derive(Debug, Template)]
#[template(path = "not-allowed.html")]
struct NotAllowedPage {
    frame: Frame,
}

pub(super) fn may_read(caller: &Caller<Read>) -> bool {
    Audit::MAY.contains(&caller.key.role)
}

/// The page that says whose key it takes, in place of one that shows events.
pub(super) fn not_allowed(api: &Api, caller: &Caller<Read>, view: &View, title: &str) -> Result<Response, Problem> {
    caller.turned_away(api);
    let freshness = api.progression.seen().freshness();
    let frame = frame(view, caller, freshness, title).without_rhythms().without_as_of();
    Ok((StatusCode::FORBIDDEN, page(&NotAllowedPage { frame })?).into_response())
}

pub(super) async fn ledger(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<LedgerParameters>,
) -> Result<Response, Problem> {
    let mut view = View::parse(PATH.to_owned(), &ViewParameters::default(), Utc::now())?;
    let locale = Locale::of(&headers);
    let parameters = LedgerParameters {
        capsule: given(&parameters.capsule),
        subject: given(&parameters.subject),
        collection: given(&parameters.collection),
        id: given(&parameters.id),
        event_type: given(&parameters.event_type),
        key: given(&parameters.key),
        from: given(&parameters.from),
        to: given(&parameters.to),
        cursor: given(&parameters.cursor),
    };
    for (name, value) in parameters.pairs() {
        view.own.extend(value.map(|value| (name, value)));
    }
    let may_read = may_read(&caller);
    let ask = async {
        if !may_read {
            caller.turned_away(&api);
            return Ok((None, None));
        }
        let mentions = match &parameters.subject {
            None => None,
            Some(subject) => match pseudonym(&api, &caller, subject).await? {
                Some(pseudonym) => {
                    personal_data_read(&api, &caller, pseudonym, PersonalDataPurpose::Lookup).await?;
                    Some(pseudonym.to_string())
                }
                None => return Ok((None, Some("Nothing was ever recorded of this person."))),
            },
        };
        let query = parameters.query(mentions)?;
        Ok((Some(api.store.search(caller.tenant(), &query).await?), None))
    };
    let ((found, nothing), freshness) = read(&api, None, ask).await?;
    let found = found.unwrap_or(SearchPage { events: Vec::new(), next: None, looked_at: 0, looked_back_to: None });
    let next = found.next.map(|before| view.here_with(&[("cursor", &written(before))]));
    let types = AggregateType::ALL.iter().flat_map(|kind| kind.events()).map(|event| event.name);
    page(&LedgerPage {
        may_read,
        nothing,
        events: found.events.iter().map(|event| EventRow::of(event, None)).collect(),
        looked: looked(&found, locale),
        first: parameters.cursor.is_some().then(|| view.to(PATH)),
        next,
        collections: AggregateType::ALL.iter().map(|kind| kind.collection()).collect(),
        types: types.collect(),
        health: Health::of(&api, locale).await,
        asked: AskedWords::of(parameters),
        frame: frame(&view, &caller, freshness, "Ledger").without_rhythms().without_as_of(),
    })
}

pub(super) async fn event(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let view = View::parse(format!("{PATH}/events/{id}"), &ViewParameters::default(), Utc::now())?;
    let locale = Locale::of(&headers);
    if !may_read(&caller) {
        return not_allowed(&api, &caller, &view, "Event");
    }
    let not_found = || Problem::new(&NOT_FOUND, format!("there is no event {id:?}"));
    let (partition, position) = parse_event_id(&id).ok_or_else(not_found)?;
    let ask = async {
        let event = api.store.event(caller.tenant(), partition, position).await?;
        let Some(event) = event else { return Err(not_found()) };
        let stream = SearchQuery {
            aggregate_type: Some(event.aggregate_type),
            aggregate_id: Some(event.aggregate_id.clone()),
            limit: STREAM_MAX,
            ..SearchQuery::default()
        };
        let stream = api.store.search(caller.tenant(), &stream).await?;
        let heads = Trees::new(api.store.pool().clone()).heads().await?;
        let signed = heads.iter().find(|head| head.tree == TreeId::Partition(partition.0)).map_or(0, |head| head.size);
        Ok((event, stream, signed > position.0))
    };
    let ((event, SearchPage { events: stream, next: stream_next, .. }, is_signed), freshness) = read(&api, None, ask).await?;
    let mark = api.progression.seen().marks().nth(usize::from(partition.0)).unwrap_or_default();
    let at = |sequence: u64| stream.iter().find(|other| other.sequence == sequence).map(|other| other.id());
    page(&EventPage {
        version: event.event_version.clone(),
        schema: event.schema_path(),
        partition: partition.0,
        position: position.0,
        leaf: leaf(&event).to_string(),
        is_signed,
        partition_key: event.partition_key.clone(),
        data: pretty(&event.payload),
        metadata: pretty(&event.metadata),
        is_projected: mark > position,
        lag: locale.count(i64::try_from((position.0 + 1).saturating_sub(mark.0)).unwrap_or(i64::MAX)),
        views: views(&event),
        kpis: kpis(&event, &view),
        before: event.sequence.checked_sub(1).and_then(at),
        after: at(event.sequence + 1),
        all: stream_next.is_some().then(|| EventRow::of(&event, None).aggregate_href),
        stream: stream.iter().map(|other| EventRow::of(other, Some(&event))).collect(),
        json: format!("/v1/events/{id}"),
        event: EventRow::of(&event, None),
        frame: frame(&view, &caller, freshness, &event_type(&event.event_type)).without_rhythms().without_as_of(),
    })
}

impl LedgerParameters {
    fn pairs(&self) -> [(&'static str, Option<String>); 8] {
        let Self { capsule, subject, collection, id, event_type, key, from, to, .. } = self.clone();
        [
            ("capsule", capsule),
            ("subject", subject),
            ("collection", collection),
            ("id", id),
            ("type", event_type),
            ("key", key),
            ("from", from),
            ("to", to),
        ]
    }

    fn query(&self, mentions: Option<String>) -> Result<SearchQuery, Problem> {
        let collection = |name: &String| {
            AggregateType::from_collection(name)
                .ok_or_else(|| Problem::parameter("collection", format!("{name:?} does not exist")))
        };
        Ok(SearchQuery {
            capsule: self.capsule.clone(),
            mentions,
            aggregate_type: self.collection.as_ref().map(collection).transpose()?,
            aggregate_id: self.id.clone(),
            event_type: self.event_type.clone(),
            key: self.key.clone(),
            from: moment("from", self.from.as_deref())?,
            to: moment("to", self.to.as_deref())?,
            before: before(self.cursor.as_deref())?,
            limit: PAGE,
        })
    }
}

/// What a person is known by in the ledger: the id that clients send, or the pseudonym itself.
async fn pseudonym(api: &Api, caller: &Caller<Read>, subject: &str) -> Result<Option<Pseudonym>, Problem> {
    let user = UserId::parse(subject.to_owned()).map_err(|error| Problem::parameter("subject", error.to_string()))?;
    let find = async { Ok(api.store.vault().find(caller.tenant(), &user).await?) };
    let found = in_time(api, find).await?;
    // A client's own ids may be UUIDs too.
    Ok(found.or_else(|| subject.parse().ok().map(Pseudonym)))
}

/// The place where a page ended, as its address says it.
fn written(before: Before) -> String {
    let place = before.place.map_or(String::new(), |(partition, position)| event_id(partition, position));
    cursor(before.recorded_at.timestamp_micros(), &place)
}

fn before(given: Option<&str>) -> Result<Option<Before>, Problem> {
    let Some((micros, id)) = place::<i64>(given)? else { return Ok(None) };
    let wrong = || Problem::parameter("cursor", "is not the next of a page");
    let recorded_at = DateTime::from_timestamp_micros(micros).ok_or_else(wrong)?;
    let place = if id.is_empty() { None } else { Some(parse_event_id(&id).ok_or_else(wrong)?) };
    Ok(Some(Before { recorded_at, place }))
}

fn looked(found: &SearchPage, locale: Locale) -> String {
    let looked_at = locale.count(i64::try_from(found.looked_at).unwrap_or(i64::MAX));
    match (found.looked_back_to, found.next) {
        (Some(moment), _) => format!("{looked_at} events looked at, back to {}; there may be more before", told(moment)),
        (None, Some(_)) => "The newest of them".to_owned(),
        (None, None) => "All there are".to_owned(),
    }
}

pub(super) fn told(moment: DateTime<Utc>) -> String {
    format!("{} {}", day_of(moment), moment.format("%H:%M:%S%.3f"))
}

fn pretty(json: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(json);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| json.to_owned())
}

/// The views of the read models that hold something of it, and how analysts find it there.
fn views(event: &RecordedEvent) -> Vec<(&'static str, String)> {
    let id = &event.aggregate_id;
    match event.aggregate_type {
        AggregateType::Interaction => vec![
            ("read.interactions", format!("the row of interaction_id {id}")),
            ("read.daily_counts", "counted on its day".to_owned()),
            ("read.members", "what its user was active in".to_owned()),
        ],
        AggregateType::Capsule => vec![("read.capsules", format!("the row of capsule_id {id}"))],
        kind => vec![(
            "facts",
            format!("a row of read.{}_facts, partition {} and position {}", kind.as_str(), event.partition, event.position),
        )],
    }
}

/// The KPIs whose figures may rest on it, in the month that it occurred in.
fn kpis(event: &RecordedEvent, view: &View) -> Vec<(&'static str, String, String)> {
    let month = Grain::Month.name(Grain::Month.start(event.occurred_at.date_naive()));
    let follows = register().filter(|kpi| kpi.facts.contains(&event.event_type.as_str()));
    follows
        .map(|kpi| {
            let path = format!("/dashboards/kpis/{}", kpi.id);
            let explained = view.of_page(&format!("{path}/explain"), vec![("of", month.clone())]);
            (kpi.name, view.to(&path), explained)
        })
        .collect()
}

impl AskedWords {
    fn of(parameters: LedgerParameters) -> Self {
        let LedgerParameters { capsule, subject, collection, id, event_type, key, from, to, .. } = parameters;
        Self {
            capsule: capsule.unwrap_or_default(),
            subject: subject.unwrap_or_default(),
            collection: collection.unwrap_or_default(),
            id: id.unwrap_or_default(),
            event_type: event_type.unwrap_or_default(),
            key: key.unwrap_or_default(),
            from: for_field(from.as_deref()),
            to: for_field(to.as_deref()),
        }
    }
}

fn shortened(id: &str) -> String {
    const LONGEST: usize = 24;
    if id.chars().count() <= LONGEST { id.to_owned() } else { id.chars().take(LONGEST - 1).chain(['…']).collect() }
}

impl EventRow {
    fn of(event: &RecordedEvent, this: Option<&RecordedEvent>) -> Self {
        let collection = event.aggregate_type.collection();
        let id = form_urlencoded::byte_serialize(event.aggregate_id.as_bytes()).collect::<String>();
        Self {
            id: event.id(),
            event_type: event.event_type.clone(),
            collection,
            aggregate_href: format!("{PATH}?collection={collection}&amp;id={id}"),
            aggregate_short: shortened(&event.aggregate_id),
            aggregate_id: event.aggregate_id.clone(),
            sequence: event.sequence,
            occurred_at: told(event.occurred_at),
            recorded_at: told(event.recorded_at),
            is_this: this.is_some_and(|this| this.id() == event.id()),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Partition, Position};

    use super::*;

    #[test]
    fn where_a_page_ended_is_read_back() {
        let recorded_at = "2026-10-31T12:00:00.000001Z".parse().expect("a time");
        for place in [None, Some((Partition(3), Position(41)))] {
            let ended = Before { recorded_at, place };
            assert_eq!(before(Some(&written(ended))).expect("a cursor"), Some(ended));
        }
        assert_eq!(before(Some("x")).expect_err("no cursor").field.as_deref(), Some("/cursor"));
    }
}
