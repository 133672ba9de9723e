//! The content types that bodies come in.

use axum::http::{HeaderMap, header};

use crate::problem::{Problem, UNSUPPORTED_MEDIA_TYPE};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Ndjson,
    CloudEvent,
    CloudEvents,
}

impl Media {
    /// The content type of a body, if it is one of `known`. Parameters such as the charset, which can only be UTF-8, are
    /// not looked at.
    pub(crate) fn of(headers: &HeaderMap, known: &[Self]) -> Result<Self, Problem> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let media = match essence.as_str() {
            "application/json" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" => Some(Self::Ndjson),
            "application/cloudevents+json" => Some(Self::CloudEvent),
            "application/cloudevents-batch+json" => Some(Self::CloudEvents),
            _ => None,
        };
        media.filter(|media| known.contains(media)).ok_or_else(|| {
            let known: Vec<_> = known.iter().map(|media| media.name()).collect();
            let given = if value.is_empty() { "no Content-Type".to_owned() } else { format!("Content-Type {value:?}") };
            Problem::new(&UNSUPPORTED_MEDIA_TYPE, format!("{given} is not known here; {}", known.join(", ")))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::CloudEvent => "application/cloudevents+json",
            Self::CloudEvents => "application/cloudevents-batch+json",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_is_known_whatever_its_parameters() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().expect("a header"))]);
            Media::of(&headers, &[Media::Json, Media::Ndjson]).map_err(|problem| problem.kind.code)
        };
        assert_eq!(of("application/json; charset=utf-8"), Ok(Media::Json));
        assert_eq!(of("Application/NDJSON"), Ok(Media::Ndjson));
        assert_eq!(of("application/x-ndjson"), Ok(Media::Ndjson));
        assert_eq!(of("text/csv"), Err("unsupported_media_type"));
        assert_eq!(of("application/cloudevents+json"), Err("unsupported_media_type"));
        assert!(Media::of(&HeaderMap::new(), &[Media::Json]).is_err());
    }
}
