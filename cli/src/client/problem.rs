//! Problem documents (RFC 9457), shown to people in one line.

use std::fmt;

use serde::Deserialize;

/// What the API said was wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) detail: Option<String>,
    /// JSON pointer.
    #[serde(default)]
    pub(crate) field: Option<String>,
}

const SHOWN_CHARACTERS_MAX: usize = 200;

impl Problem {
    /// Of any error's body; what is no problem document (a proxy's page) becomes the detail.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let problem = serde_json::from_slice(body).unwrap_or_else(|_| Self {
            detail: Some(String::from_utf8_lossy(body).trim().chars().take(SHOWN_CHARACTERS_MAX).collect()),
            ..Self::default()
        });
        Self { status, ..problem }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(formatter, " {code}")?;
        }
        let said = self.detail.as_ref().or(self.title.as_ref()).filter(|text| !text.is_empty());
        if let Some(said) = said {
            write!(formatter, ": {said}")?;
        }
        match self.field.as_deref() {
            Some(field) if !field.is_empty() => write!(formatter, " (at {field})"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let problem = |body: &str| Problem::read(422, body.as_bytes()).to_string();
        assert_eq!(
            problem(r#"{"code":"time_ahead","detail":"too late","field":"/occurred_at"}"#),
            "422 time_ahead: too late (at /occurred_at)"
        );
        assert_eq!(problem(r#"{"title":"Refused"}"#), "422: Refused");
        assert_eq!(problem("<html>"), "422: <html>");
        assert_eq!(problem(""), "422");
    }
}
