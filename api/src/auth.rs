//! Who is asking, and whether their role may. Everything a key reaches is its tenant's: what is another's is not found.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use domain::TenantId;
use domain::audit::DenialReason;
use event_store::keys::{Authentication, KeyInfo, Role};

use crate::access::Asked;
use crate::problem::{KEY_EXPIRED, KEY_MISSING, KEY_REVOKED, KEY_UNKNOWN, Problem, ROLE_FORBIDDEN};
use crate::reading::in_time;
use crate::state::Shared;

/// Something that some roles may do.
pub(crate) trait Permission {
    const MAY: &'static [Role];
    const WHAT: &'static str;
}

/// Sending commands and interactions.
#[derive(Debug)]
pub(crate) struct Write;
/// Reading figures and other read models.
#[derive(Debug)]
pub(crate) struct Read;
/// Reading and erasing what is personal.
#[derive(Debug)]
pub(crate) struct Privacy;
/// Reading the log of events.
#[derive(Debug)]
pub(crate) struct Audit;

impl Permission for Write {
    const MAY: &'static [Role] = &[Role::Admin, Role::Writer];
    const WHAT: &'static str = "send commands";
}
impl Permission for Read {
    const MAY: &'static [Role] = &[Role::Admin, Role::Writer, Role::Analyst, Role::Auditor];
    const WHAT: &'static str = "read figures";
}
impl Permission for Privacy {
    const MAY: &'static [Role] = &[Role::Admin];
    const WHAT: &'static str = "read or erase a person's data";
}
impl Permission for Audit {
    const MAY: &'static [Role] = &[Role::Admin, Role::Auditor];
    const WHAT: &'static str = "read events";
}

/// A key whose role has the permission.
#[derive(Debug)]
pub(crate) struct Caller<P> {
    pub(crate) key: Arc<KeyInfo>,
    pub(crate) asked: Asked,
    permission: PhantomData<P>,
}

impl<P> Caller<P> {
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.key.tenant
    }
}

impl<P: Permission> FromRequestParts<Shared> for Caller<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Shared) -> Result<Self, Problem> {
        let presented = presented(parts)?;
        let authenticating = async { Ok(api.keys.authenticate(presented).await?) };
        let key = match in_time(api, authenticating).await? {
            Authentication::Valid(key) => key,
            Authentication::Unknown => return Err(Problem::new(&KEY_UNKNOWN, "this API key is not known")),
            Authentication::Expired(key) => {
                api.access.denied(&key, DenialReason::Expired, &Asked::of(parts));
                return Err(Problem::new(&KEY_EXPIRED, "this API key has expired"));
            }
            Authentication::Revoked(key) => {
                api.access.denied(&key, DenialReason::Revoked, &Asked::of(parts));
                return Err(Problem::new(&KEY_REVOKED, "this API key was revoked"));
            }
        };
        let asked = Asked::of(parts);
        if !P::MAY.contains(&key.role) {
            api.access.denied(&key, DenialReason::Role, &asked);
            return Err(forbidden::<P>(key.role));
        }
        api.access.used(&key, &asked);
        Ok(Self { key, asked, permission: PhantomData })
    }
}

/// The key as it was presented, for connections that outlive a check of it.
pub(crate) struct Presented(pub(crate) String);

impl FromRequestParts<Shared> for Presented {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Problem> {
        presented(parts).map(|key| Self(key.to_owned()))
    }
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Presented(..)")
    }
}

/// Where the browser of somebody who signed in keeps the key.
pub(crate) const COOKIE: &str = "capsule-ledger-key";

/// The key of a request. A cookie counts for reading only: whatever changes something names its key itself.
fn presented(parts: &Parts) -> Result<&str, Problem> {
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    match cookie(&parts.headers).filter(|_| is_read && !parts.headers.contains_key(header::AUTHORIZATION)) {
        Some(key) => Ok(key),
        None => bearer(&parts.headers),
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, key)| *name == COOKIE && !key.is_empty()).map(|(_, key)| key)
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || Problem::new(&KEY_MISSING, "send your API key as Authorization: Bearer KEY");
    let (scheme, key) = headers
        .get(header::AUTHORIZATION)
        .ok_or_else(missing)?
        .to_str()
        .map_err(|_| missing())?
        .split_once(' ')
        .ok_or_else(missing)?;
    let key = key.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() { Ok(key) } else { Err(missing()) }
}

fn forbidden<P: Permission>(role: Role) -> Problem {
    let may: Vec<_> = P::MAY.iter().map(|role| role.as_str()).collect();
    let detail = format!("a key of role {} may not {}; {} may", role.as_str(), P::WHAT, may.join(", "));
    Problem::new(&ROLE_FORBIDDEN, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_as_a_bearer_token() {
        let headers = |value: &'static str| HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().expect("a header"))]);
        assert_eq!(bearer(&headers("Bearer cl_1")).expect("a key"), "cl_1");
        assert_eq!(bearer(&headers("bearer  cl_1 ")).expect("a key"), "cl_1");
        for wrong in ["cl_1", "Basic cl_1", "Bearer ", "Bearer"] {
            assert_eq!(bearer(&headers(wrong)).expect_err("no key").kind.code, "key_missing", "{wrong}");
        }
        assert_eq!(bearer(&HeaderMap::new()).expect_err("no key").kind.code, "key_missing");
    }

    #[test]
    fn a_cookie_counts_for_reading_only_and_after_a_named_key() {
        let parts = |method: Method, pairs: &[(header::HeaderName, &'static str)]| {
            let mut request = axum::http::Request::builder().method(method);
            for (name, value) in pairs {
                request = request.header(name, *value);
            }
            request.body(()).expect("a request").into_parts().0
        };
        let signed_in = (header::COOKIE, "theme=dark; capsule-ledger-key=cl_1");
        assert_eq!(presented(&parts(Method::GET, std::slice::from_ref(&signed_in))).expect("a key"), "cl_1");
        assert_eq!(
            presented(&parts(Method::POST, std::slice::from_ref(&signed_in))).expect_err("no key").kind.code,
            "key_missing"
        );
        let named = (header::AUTHORIZATION, "Bearer cl_2");
        assert_eq!(presented(&parts(Method::GET, &[signed_in, named])).expect("a key"), "cl_2");
        assert!(presented(&parts(Method::GET, &[(header::COOKIE, "capsule-ledger-key=")])).is_err());
    }

    #[test]
    fn writers_cannot_read_the_log_and_readers_cannot_write() {
        assert!(!Audit::MAY.contains(&Role::Writer) && !Audit::MAY.contains(&Role::Analyst));
        assert!(!Write::MAY.contains(&Role::Analyst) && !Write::MAY.contains(&Role::Auditor));
        let problem = forbidden::<Audit>(Role::Writer);
        assert_eq!(problem.detail, "a key of role writer may not read events; admin, auditor may");
    }
}
