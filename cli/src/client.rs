//! Our own public API, as any other client would use it: it knows paths, keys and JSON, and none of the server's types.
//!
//! Every request may be sent again: interactions are recorded once by their ids, and a command said twice changes nothing
//! more. So connection errors and "not now" answers are retried here, with back-off, for a limited time.

mod answers;
#[cfg(test)]
pub(crate) mod fake;
mod problem;
mod retry;
mod target;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode, Url};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio_util::sync::CancellationToken;

pub(crate) use answers::{BatchAnswer, BatchResult, CapsuleAnswer, EventsPage, EventsQuery, Status};
pub(crate) use problem::Problem;
use retry::Backoff;
pub(crate) use retry::Patience;
pub(crate) use target::ApiArguments;

/// Why the API gave no answer to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0:?} is not the address of an API, such as http://127.0.0.1:8080")]
    Address(String),
    #[error("the key holds characters that no key has")]
    Key,
    /// The API said no, and would say so again.
    #[error("{0}")]
    Problem(Box<Problem>),
    #[error("no answer from {url}: is it running?")]
    Unreachable {
        url: Url,
        #[source]
        source: reqwest::Error,
    },
    #[error("the answer from {url} is not of the expected form")]
    Answer {
        url: Url,
        #[source]
        source: serde_json::Error,
    },
}

impl Error {
    /// The problem's stable code, where the API gave one.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => problem.code.as_deref(),
            _ => None,
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            _ => None,
        }
    }
}

/// How a body travels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    #[default]
    Plain,
    Gzip,
}

#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    give_up: CancellationToken,
    patience: Patience,
}

struct Request {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// A client of the API at `base`, such as `http://127.0.0.1:8080`, with a key.
    pub(crate) fn new(base: &str, key: &str) -> Result<Self, Error> {
        let address = || Error::Address(base.to_owned());
        let url: Url = base.parse().map_err(|_| address())?;
        if url.cannot_be_a_base() || url.host_str().is_none() {
            return Err(address());
        }
        let mut authorization = format!("Bearer {key}").parse::<reqwest::header::HeaderValue>().map_err(|_| Error::Key)?;
        authorization.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .default_headers(HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, authorization)]))
            .connect_timeout(Patience::CONNECT)
            .timeout(Patience::ONE_REQUEST)
            .tcp_nodelay(true);
        if is_loopback(&url) {
            // A proxy from the environment cannot reach this machine's own ports.
            builder = builder.no_proxy();
        }
        let http = builder.build().expect("a client without TLS or files to load can be built");
        Ok(Self { http, base: url, give_up: CancellationToken::new(), patience: Patience::default() })
    }

    /// Once `cancel` is cancelled, what is in flight is still answered, but nothing is tried again.
    #[must_use]
    pub(crate) fn giving_up_on(mut self, cancel: CancellationToken) -> Self {
        self.give_up = cancel;
        self
    }

    #[must_use]
    #[cfg(test)]
    pub(crate) fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Whether the API says, now and at the first asking, that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let asked = self.http.get(self.url(&["readyz"])).timeout(Patience::CONNECT).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// `POST /v1/commands`: one `{"collection","id","command","data"}` a line; `body` is already encoded as `encoding` says.
    pub(crate) async fn post_commands_ndjson(&self, body: Bytes, encoding: Encoding) -> Result<BatchAnswer, Error> {
        let underway = Patience { in_all: Patience::UNDERWAY, ..self.patience.clone() };
        let mut backoff = Backoff::new(&underway);
        loop {
            let answer = self.post_ndjson(&["v1", "commands"], body.clone(), encoding).await?;
            // The try before, whose answer was lost, may still run; what becomes of it is to be known, not guessed.
            let is_underway = answer.refused().any(|result| result.code.as_deref() == Some("idempotency_key_in_use"));
            let Some(wait) = is_underway.then(|| backoff.next_wait(None)).flatten() else { return Ok(answer) };
            if self.give_up.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return Ok(answer);
            }
        }
    }

    /// `POST /v1/interactions`: one interaction a line; `body` is already encoded as `encoding` says.
    pub(crate) async fn post_interactions_ndjson(&self, body: Bytes, encoding: Encoding) -> Result<BatchAnswer, Error> {
        self.post_ndjson(&["v1", "interactions"], body, encoding).await
    }

    /// `POST /v1/{collection}/{id}/{command}`.
    pub(crate) async fn command<T: Serialize + Sync>(
        &self,
        collection: &str,
        id: &str,
        command: &str,
        data: &T,
    ) -> Result<(), Error> {
        let body = serde_json::to_vec(data).expect("command data has string keys and finite numbers");
        let url = self.url(&["v1", collection, id, command]);
        let headers = sending("application/json");
        self.send::<IgnoredAny>(Request { method: Method::POST, url, headers, body: body.into() }).await?;
        Ok(())
    }

    /// `GET /v1/capsules/{id}`; none if there is no such capsule, or none is to be seen yet.
    pub(crate) async fn capsule(&self, id: &str) -> Result<Option<CapsuleAnswer>, Error> {
        match self.get(self.url(&["v1", "capsules", id])).await {
            Ok(capsule) => Ok(Some(capsule)),
            Err(error) if error.status() == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One page of `GET /v1/events`; the next one follows its cursor.
    pub(crate) async fn events(&self, query: &EventsQuery) -> Result<EventsPage, Error> {
        let mut url = self.url(&["v1", "events"]);
        url.query_pairs_mut().extend_pairs(query.pairs());
        self.get(url).await
    }

    /// What a path answers in the form of this media type, as it comes.
    pub(crate) async fn bytes(&self, path: &[String], query: &[(&str, &str)], media: &'static str) -> Result<Bytes, Error> {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        let headers = HeaderMap::from_iter([(ACCEPT, reqwest::header::HeaderValue::from_static(media))]);
        Ok(self.answered(Request { method: Method::GET, url, headers, body: Bytes::new() }).await?.body)
    }

    /// POST without a body, under an idempotency key: sent again, it is answered as the first time.
    pub(crate) async fn post_keyed(&self, path: &[&str], key: &str) -> Result<Bytes, Error> {
        let key = key.parse().map_err(|_| Error::Key)?;
        let headers = HeaderMap::from_iter([(reqwest::header::HeaderName::from_static("idempotency-key"), key)]);
        let request = Request { method: Method::POST, url: self.url(path), headers, body: Bytes::new() };
        Ok(self.answered(request).await?.body)
    }

    /// A page of what comes as a file, as it comes, and the cursor of the next one.
    pub(crate) async fn page(&self, path: &[&str], query: &[(&str, &str)]) -> Result<(Bytes, Option<String>), Error> {
        let mut url = self.url(path);
        url.query_pairs_mut().extend_pairs(query);
        let headers = HeaderMap::new();
        let answer = self.answered(Request { method: Method::GET, url, headers, body: Bytes::new() }).await?;
        let next = answer.headers.get("ledger-next").and_then(|next| next.to_str().ok()).map(str::to_owned);
        Ok((answer.body, next))
    }

    fn url(&self, segments: &[impl AsRef<str>]) -> Url {
        let mut url = self.base.clone();
        url.path_segments_mut().expect("checked when the client was made").pop_if_empty().extend(segments);
        url
    }

    async fn post_ndjson(&self, path: &[&str], body: Bytes, encoding: Encoding) -> Result<BatchAnswer, Error> {
        let mut headers = sending("application/x-ndjson");
        if encoding == Encoding::Gzip {
            headers.insert(CONTENT_ENCODING, reqwest::header::HeaderValue::from_static("gzip"));
        }
        self.send(Request { method: Method::POST, url: self.url(path), headers, body }).await
    }

    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, Error> {
        let headers = HeaderMap::from_iter([(ACCEPT, reqwest::header::HeaderValue::from_static("application/json"))]);
        self.send(Request { method: Method::GET, url, headers, body: Bytes::new() }).await
    }

    async fn send<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let url = request.url.clone();
        let answer = self.answered(request).await?;
        serde_json::from_slice(&answer.body).map_err(|source| Error::Answer { url, source })
    }

    /// The answer, once it is one to keep.
    async fn answered(&self, request: Request) -> Result<Answer, Error> {
        let mut backoff = Backoff::new(&self.patience);
        loop {
            let (error, asked_to_wait) = match self.send_once(&request).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => {
                    let error = Error::Problem(Box::new(Problem::read(answer.status.as_u16(), &answer.body)));
                    if !is_passing(answer.status) {
                        return Err(error);
                    }
                    (error, retry::asked(answer.headers.get(RETRY_AFTER)))
                }
                Err(source) => (Error::Unreachable { url: self.base.clone(), source }, None),
            };
            let Some(wait) = backoff.next_wait(asked_to_wait) else { return Err(error) };
            tracing::debug!(%error, wait_ms = wait.as_millis(), "trying again");
            if self.give_up.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return Err(error);
            }
        }
    }

    async fn send_once(&self, request: &Request) -> Result<Answer, reqwest::Error> {
        let response = self
            .http
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send()
            .await?;
        Ok(Answer { status: response.status(), headers: response.headers().clone(), body: response.bytes().await? })
    }
}

fn sending(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, reqwest::header::HeaderValue::from_static(content_type))])
}

/// Whether the same request may be answered otherwise a little later.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::fake::{FakeApi, Reply};
    use super::*;

    fn client(api: &FakeApi) -> Client {
        let patience = Patience { first_wait: Duration::from_millis(1), ..Patience::default() };
        Client::new(&api.url(), "key-1").expect("a client").with_patience(patience)
    }

    const ANSWER: &str = r#"{"accepted":1,"duplicates":0,"rejected":0,"results":[],"token":"t"}"#;

    #[tokio::test]
    async fn a_request_that_met_a_busy_server_is_sent_again() {
        let api = FakeApi::scripted([Reply::new(503, "{}").header("Retry-After", "0"), Reply::new(200, ANSWER)]).await;
        let answer = client(&api).post_interactions_ndjson("{}\n".into(), Encoding::Plain).await.expect("answered");
        assert_eq!((answer.accepted, answer.token.as_deref()), (1, Some("t")));
        let requests = api.requests();
        assert_eq!(requests.len(), 2);
        assert_eq!(requests[0].body, requests[1].body);
        assert_eq!(requests[1].line, "POST /v1/interactions HTTP/1.1");
        assert_eq!(requests[1].header("authorization"), Some("Bearer key-1"));
        assert_eq!(requests[1].header("content-type"), Some("application/x-ndjson"));
    }

    #[tokio::test]
    async fn a_connection_that_broke_is_made_again() {
        let api = FakeApi::scripted([Reply::hang_up(), Reply::new(200, r#"{"version":1,"token":"t"}"#)]).await;
        client(&api).command("capsules", "c1", "publish", &serde_json::json!({})).await.expect("answered");
        assert_eq!(api.requests()[1].line, "POST /v1/capsules/c1/publish HTTP/1.1");
    }

    #[tokio::test]
    async fn a_refusal_is_final_and_readable() {
        let problem =
            r#"{"title":"Refused","status":422,"code":"capsule_not_published","detail":"the capsule was never published"}"#;
        let api = FakeApi::scripted([Reply::new(422, problem)]).await;
        let error = client(&api).command("capsules", "c1", "archive", &serde_json::json!({})).await.expect_err("refused");
        assert_eq!(error.to_string(), "422 capsule_not_published: the capsule was never published");
        assert_eq!(error.code(), Some("capsule_not_published"));
        assert_eq!(api.requests().len(), 1);
    }

    #[tokio::test]
    async fn patience_and_cancellation_end_the_trying() {
        let api = FakeApi::answering(|_| Reply::new(503, r#"{"code":"unavailable","detail":"PostgreSQL is away"}"#)).await;
        let short = Patience { first_wait: Duration::from_millis(1), in_all: Duration::from_millis(30), ..Patience::default() };
        let error = client(&api).with_patience(short).events(&EventsQuery::default()).await.expect_err("gave up");
        assert_eq!(error.to_string(), "503 unavailable: PostgreSQL is away");
        assert!(api.requests().len() > 1);

        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let before = api.requests().len();
        client(&api).giving_up_on(cancelled).events(&EventsQuery::default()).await.expect_err("gave up at once");
        assert_eq!(api.requests().len(), before + 1);
    }

    #[tokio::test]
    async fn what_is_not_there_is_none() {
        let api =
            FakeApi::scripted([Reply::new(404, "{}"), Reply::new(200, r#"{"id":"c","title":"T","status":"open"}"#)]).await;
        assert!(client(&api).capsule("c").await.expect("answered").is_none());
        assert_eq!(client(&api).capsule("c").await.expect("answered").expect("there").title(), "T");
    }

    #[tokio::test]
    async fn readiness_is_asked_for_once() {
        let api = FakeApi::scripted([Reply::new(503, "{}"), Reply::new(200, "{}")]).await;
        assert!(!client(&api).is_ready().await);
        assert!(client(&api).is_ready().await);
        assert_eq!(api.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_command_that_still_runs_from_the_try_before_is_asked_about_again() {
        let running = r#"{"accepted":0,"duplicates":0,"rejected":1,"results":[
            {"index":0,"status":"conflict","code":"idempotency_key_in_use"}]}"#;
        let done = r#"{"accepted":0,"duplicates":1,"rejected":0,"results":[{"index":0,"status":"duplicate"}]}"#;
        let api = FakeApi::scripted([Reply::new(207, running), Reply::new(200, done)]).await;
        let answer = client(&api).post_commands_ndjson("{}\n".into(), Encoding::Plain).await.expect("answered");
        assert_eq!((answer.duplicates, answer.rejected, api.requests().len()), (1, 0, 2));
    }

    #[test]
    fn an_address_is_checked_first() {
        assert!(matches!(Client::new("127.0.0.1:8080", "k"), Err(Error::Address(_))));
        assert!(matches!(Client::new("http://127.0.0.1:8080", "k\n"), Err(Error::Key)));
    }
}
