//! Signing in with a key, once: the browser keeps it in a cookie that no script can read and no other site's form can use.

use askama::Template;
use axum::Form;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use domain::audit::DenialReason;
use event_store::keys::Authentication;
use serde::Deserialize;

use crate::access::Asked;
use crate::auth::{COOKIE, Caller, Read};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::{Problem, ROLE_FORBIDDEN};
use crate::reading::in_time;
use crate::state::Shared;

/// Who looks at a page; whoever has not signed in is asked to.
#[derive(Debug)]
pub(super) struct Viewer(pub(super) Caller<Read>);

impl FromRequestParts<Shared> for Viewer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Response> {
        match Caller::<Read>::from_request_parts(parts, api).await {
            Ok(caller) => Ok(Self(caller)),
            Err(problem) if problem.kind.status == StatusCode::UNAUTHORIZED.as_u16() => {
                let asked = parts.uri.path_and_query().map_or("/dashboards", |asked| asked.as_str());
                let next = form_urlencoded::byte_serialize(asked.as_bytes()).collect::<String>();
                Err(Redirect::to(&format!("/dashboards/sign-in?next={next}")).into_response())
            }
            Err(problem) => Err(problem.into_response()),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "sign-in.html")]
struct SignInPage<'a> {
    next: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NextParameters {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    key: String,
    next: Option<String>,
}

pub(super) async fn ask(Parameters(parameters): Parameters<NextParameters>) -> Result<Response, Problem> {
    page(&SignInPage { next: inside(parameters.next.as_deref()), wrong: None })
}

pub(super) async fn sign_in(
    State(api): State<Shared>,
    asked: Asked,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Result<Response, Problem> {
    if !is_from_here(&headers) {
        return Err(Problem::new(&ROLE_FORBIDDEN, "another site's form cannot sign in here"));
    }
    let next = inside(form.next.as_deref());
    let key = form.key.trim();
    let authenticating = async { Ok(api.keys.authenticate(key).await?) };
    let wrong = match in_time(&api, authenticating).await? {
        Authentication::Valid(key) => {
            api.access.used(&key, &asked);
            None
        }
        Authentication::Unknown => Some("This key is not known."),
        Authentication::Expired(key) => {
            api.access.denied(&key, DenialReason::Expired, &asked);
            Some("This key has expired.")
        }
        Authentication::Revoked(key) => {
            api.access.denied(&key, DenialReason::Revoked, &asked);
            Some("This key was revoked.")
        }
    };
    if wrong.is_some() {
        let mut response = page(&SignInPage { next, wrong })?;
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    }
    let secure = if is_encrypted(&headers) { "; Secure" } else { "" };
    Ok(with_cookie(next, &format!("{COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax{secure}")))
}

pub(super) async fn sign_out(headers: HeaderMap) -> Result<Response, Problem> {
    if !is_from_here(&headers) {
        return Err(Problem::new(&ROLE_FORBIDDEN, "another site's form cannot sign out here"));
    }
    Ok(with_cookie("/dashboards/sign-in", &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")))
}

fn with_cookie(to: &str, cookie: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    // A key that is known is visible ASCII.
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Only pages of ours follow a sign-in.
fn inside(next: Option<&str>) -> &str {
    next.filter(|next| next.starts_with("/dashboards") && !next.starts_with("/dashboards/sign-")).unwrap_or("/dashboards")
}

/// Browsers say where a form was; whoever says nothing is no browser, and has no cookie to misuse.
fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), ..) => matches!(site, "same-origin" | "none"),
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, of)| of == host),
        _ => true,
    }
}

fn is_encrypted(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_follow_a_sign_in() {
        assert_eq!(inside(Some("/dashboards/sales?period=week")), "/dashboards/sales?period=week");
        for outside in ["https://elsewhere.example/", "//elsewhere.example/dashboards", "/v1/kpis", "/dashboards/sign-out"] {
            assert_eq!(inside(Some(outside)), "/dashboards", "{outside}");
        }
    }

    #[test]
    fn another_sites_form_is_refused() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
        };
        assert!(is_from_here(&headers(&[("sec-fetch-site", "same-origin")])));
        assert!(!is_from_here(&headers(&[("sec-fetch-site", "cross-site")])));
        assert!(is_from_here(&headers(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")])));
        assert!(!is_from_here(&headers(&[("origin", "https://elsewhere.example"), ("host", "127.0.0.1:8080")])));
        assert!(!is_from_here(&headers(&[("origin", "null"), ("host", "127.0.0.1:8080")])));
    }
}
