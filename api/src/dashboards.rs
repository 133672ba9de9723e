//! `/dashboards/…`: pages for people. They hold no figures themselves: a script asks the API with the key that the address
//! carries behind `#`, which no server ever sees.

use askama::Template;
use axum::Router;
use axum::response::{Redirect, Response};
use axum::routing::get;
use domain::north_star::DEFINITION_1;

use crate::pages::page;
use crate::problem::Problem;
use crate::state::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(async || Redirect::temporary("/dashboards/north-star")))
        .route("/dashboards", get(async || Redirect::temporary("/dashboards/north-star")))
        .route("/dashboards/north-star", get(north_star))
}

#[derive(Template)]
#[template(path = "north-star.html")]
struct NorthStarPage {
    definition: &'static str,
}

async fn north_star() -> Result<Response, Problem> {
    page(&NorthStarPage { definition: DEFINITION_1.in_words })
}
