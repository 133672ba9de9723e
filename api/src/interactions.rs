//! `POST /v1/interactions`: one interaction or thousands, in every form that clients have them in.

mod forms;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Write};
use crate::bulk::{self, BulkAnswer, BulkParameters};
use crate::commands::{metadata, received_at};
use crate::media::Media;
use crate::problem::{Problem, ProblemDocument};
use crate::settings::BODY_BYTES_MAX;
use crate::state::Shared;
use crate::{around, body, receipts};

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(record))
}

/// Record interactions
///
/// One, a JSON array, NDJSON, or CloudEvents (single, batch, or binary mode with `ce-` headers), each also with
/// `Content-Encoding: gzip`. At most 10,000 events and 10 MiB a request, 32 KiB an event. The `id` is the interaction's
/// idempotency key for ever: sent again it is a `duplicate`, with other content a `conflict`.
///
/// A CloudEvent has `type` `com.encapsify.capsule.interaction`; its `data` is the interaction. Where `data` has no `id` or
/// `occurred_at`, the event's `id` and `time` stand for them.
#[utoipa::path(
    post, path = "/v1/interactions", tag = "Interactions",
    params(BulkParameters, ("Ledger-Receipt" = Option<bool>, Header, description = "`true`: the answer carries a receipt")),
    request_body(
        description = "Interactions",
        content(
            (serde_json::Value = "application/json"),
            (String = "application/x-ndjson"),
            (serde_json::Value = "application/cloudevents+json"),
            (serde_json::Value = "application/cloudevents-batch+json"),
        ),
    ),
    responses(
        (status = 200, description = "Everything is durable", body = BulkAnswer),
        (status = 207, description = "Some were rejected; the others are durable", body = BulkAnswer),
        (status = "4XX", description = "Nothing was recorded", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Send the same again after Retry-After", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn record(State(api): State<Shared>, caller: Caller<Write>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let parameters = BulkParameters::parse(&head.uri)?;
    bulk::no_idempotency_key(&head.headers)?;
    let media = Media::of(&head.headers, &[Media::Json, Media::Ndjson, Media::CloudEvent, Media::CloudEvents])?;
    let form = forms::Form::of(media, &head.headers)?;
    let body = body::read(&api, &head.headers, body, BODY_BYTES_MAX).await?;
    let correlation = head.extensions.get::<around::CorrelationId>();
    let metadata = Arc::new(metadata(&caller.key, "interactions/record", correlation, received_at()));
    let slices = form.slices(&body.bytes)?;
    let items = bulk::items(&slices, |slice| form.read(slice, &metadata)).await;
    let wants_receipt = receipts::is_wanted(&api, &head.headers)?;
    let (answer, response) = bulk::answer(&api, caller.tenant(), items, (parameters, wants_receipt)).await?;
    answer.count("interaction");
    Ok(response)
}
