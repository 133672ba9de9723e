//! What all reads have in common: they may wait for a write, they say how fresh they are, and they give up in time.

use serde::Serialize;

use crate::problem::{Problem, TIMED_OUT};
use crate::progression::Freshness;
use crate::state::Api;
use crate::token::Token;

/// Waits for the write of `after`, asks, and gives the answer with its freshness.
pub(crate) async fn read<T>(
    api: &Api,
    after: Option<&str>,
    ask: impl Future<Output = Result<T, Problem>>,
) -> Result<(T, Freshness), Problem> {
    if let Some(after) = after {
        let token = Token::parse(after, api.store.partitions())?;
        api.progression.wait_for(&token, api.settings.wait_max).await?;
    }
    // Taken before the question is asked, so the answer is at least as fresh.
    let freshness = api.progression.seen().freshness();
    let answer = in_time(api, ask).await?;
    Ok((answer, freshness))
}

/// What is asked, or a problem where PostgreSQL takes longer than a client should wait.
pub(crate) async fn in_time<T>(api: &Api, ask: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let time_max = api.settings.read_time_max;
    let too_long = |_| Problem::new(&TIMED_OUT, format!("PostgreSQL did not answer within {} s", time_max.as_secs()));
    tokio::time::timeout(time_max, ask).await.map_err(too_long)?
}

/// `data` and its freshness, as most reads answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Fresh<T> {
    pub(crate) data: T,
    pub(crate) freshness: Freshness,
}
