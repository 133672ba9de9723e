//! What all pages have in common: they are whole as they come, and nothing in them reaches another host.

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::problem::{INTERNAL, NOT_FOUND, Problem};
use crate::state::Shared;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

static ASSETS: &[Asset] = &[
    Asset { name: "ledger.css", content_type: CSS, text: include_str!("../assets/ledger.css") },
    Asset { name: "icon.svg", content_type: SVG, text: include_str!("../assets/icon.svg") },
    Asset { name: "sign-in.js", content_type: JS, text: include_str!("../assets/sign-in.js") },
    Asset { name: "live.js", content_type: JS, text: include_str!("../assets/live.js") },
    Asset { name: "zoom.js", content_type: JS, text: include_str!("../assets/zoom.js") },
    Asset { name: "uplot-1.6.32.js", content_type: JS, text: include_str!("../assets/vendor/uplot-1.6.32.min.js") },
    Asset { name: "uplot-1.6.32.css", content_type: CSS, text: include_str!("../assets/vendor/uplot-1.6.32.min.css") },
];

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/assets/{name}", get(asset))
}

/// Assets change with the program, so a browser asks each time, and mostly hears that it has it already.
async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no asset {name:?}")))?;
    let etag = etag(asset.text);
    let common =
        [(header::ETAG, etag.as_str()), (header::CACHE_CONTROL, "no-cache"), (header::CONTENT_TYPE, asset.content_type)];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    Ok((common, asset.text).into_response())
}

fn etag(text: &str) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(text);
    format!("\"{:016x}\"", u64::from_be_bytes(hash[..8].try_into().expect("8 bytes")))
}

pub(crate) fn page(template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a page could not be written");
        Problem::new(&INTERNAL, "the page could not be written")
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, html).into_response())
}
