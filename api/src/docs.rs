//! `/docs`: the OpenAPI document as a page, and `/problems`: every kind of problem.

use std::sync::LazyLock;

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::openapi;
use crate::pages::page;
use crate::problem::{KINDS, Kind, NOT_FOUND, Problem};
use crate::state::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/docs", get(docs)).route("/problems", get(problems)).route("/problems/{code}", get(problem))
}

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage {
    description: String,
    groups: Vec<Group>,
}

struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    description: Vec<String>,
    parameters: Vec<Parameter>,
    fields: Vec<Parameter>,
    bodies: Vec<String>,
    responses: Vec<(String, String)>,
}

struct Parameter {
    name: String,
    place: String,
    required: bool,
    form: String,
    description: String,
}

static DOCS: LazyLock<DocsPage> = LazyLock::new(|| DocsPage::of(&openapi::document()));

async fn docs() -> Result<Response, Problem> {
    page(&*DOCS)
}

#[derive(Template)]
#[template(path = "problems.html")]
struct ProblemsPage {
    kinds: &'static [&'static Kind],
}

/// A page for browsers, JSON for programs.
async fn problems(headers: HeaderMap) -> Result<Response, Problem> {
    if wants_html(&headers) { page(&ProblemsPage { kinds: KINDS }) } else { Ok(Json(KINDS).into_response()) }
}

async fn problem(Path(code): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let found = KINDS.iter().position(|kind| kind.code == code);
    let at = found.ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no problem {code:?}")))?;
    if wants_html(&headers) { page(&ProblemsPage { kinds: &KINDS[at..=at] }) } else { Ok(Json(KINDS[at]).into_response()) }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

const METHODS: [&str; 2] = ["get", "post"];

impl DocsPage {
    fn of(document: &Value) -> Self {
        let tags = document["tags"].as_array().into_iter().flatten();
        let groups = tags.map(|tag| Group {
            name: text(&tag["name"]),
            description: prose(&tag["description"]),
            operations: operations(document, &tag["name"]),
        });
        Self { description: prose(&document["info"]["description"]), groups: groups.collect() }
    }
}

fn operations(document: &Value, tag: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| METHODS.iter().map(move |method| (path, *method, &item[*method])));
    let tagged = all.filter(|(_, _, operation)| operation["tags"].as_array().is_some_and(|tags| tags.contains(tag)));
    tagged.map(|(path, method, operation)| Operation::of(document, path, method, operation)).collect()
}

impl Operation {
    fn of(document: &Value, path: &str, method: &str, operation: &Value) -> Self {
        let content = operation["requestBody"]["content"].as_object();
        let body = content.and_then(|content| content.get("application/json"));
        let responses = operation["responses"].as_object().into_iter().flatten();
        Self {
            id: text(&operation["operationId"]),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            description: prose(&operation["description"])
                .split("\n\n")
                .map(str::to_owned)
                .filter(|text| !text.is_empty())
                .collect(),
            parameters: operation["parameters"].as_array().into_iter().flatten().map(Parameter::of).collect(),
            fields: body.map(|body| fields(document, &body["schema"])).unwrap_or_default(),
            bodies: content.into_iter().flatten().map(|(media, _)| media.clone()).collect(),
            responses: responses.map(|(status, response)| (status.clone(), prose(&response["description"]))).collect(),
        }
    }
}

impl Parameter {
    fn of(parameter: &Value) -> Self {
        Self {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            required: parameter["required"] == true,
            form: form(&parameter["schema"]),
            description: prose(&parameter["description"]),
        }
    }
}

/// The fields of an object, or of the first object where there are several forms.
fn fields(document: &Value, schema: &Value) -> Vec<Parameter> {
    let schema = resolved(document, schema.get("oneOf").map_or(schema, |forms| &forms[0]));
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, field)| {
            let target = resolved(document, field.get("anyOf").map_or(field, |forms| &forms[0]));
            let own = prose(&field["description"]);
            Parameter {
                name: name.clone(),
                place: "body".to_owned(),
                required: required.contains(&Value::from(name.as_str())),
                form: form(target),
                description: if own.is_empty() { prose(&target["description"]) } else { own },
            }
        })
        .collect()
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|reference| document.pointer(reference)).unwrap_or(schema)
}

fn form(schema: &Value) -> String {
    if let Some(allowed) = schema["enum"].as_array() {
        return allowed.iter().map(text).collect::<Vec<_>>().join(" | ");
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        return forms.iter().map(|one| text(&one["const"])).collect::<Vec<_>>().join(" | ");
    }
    let name = match &schema["type"] {
        Value::Array(types) => types.iter().filter(|name| *name != "null").map(text).collect::<Vec<_>>().join(" | "),
        name => text(name),
    };
    match schema["format"].as_str() {
        Some("date-time") => "time".to_owned(),
        _ => name,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A description as HTML: escaped, and what stands in backticks as code.
fn prose(value: &Value) -> String {
    let escaped = text(value).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut html = String::with_capacity(escaped.len());
    for (index, piece) in escaped.split('`').enumerate() {
        match index % 2 {
            0 => html.push_str(piece),
            _ => html.extend(["<code>", piece, "</code>"]),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_backticks_is_code() {
        assert_eq!(prose(&"a `b<c>` & d".into()), "a <code>b&lt;c&gt;</code> &amp; d");
    }

    #[test]
    fn the_page_shows_every_operation_of_the_document() {
        let document = openapi::document();
        let count = document["paths"]
            .as_object()
            .expect("paths")
            .values()
            .map(|item| item.as_object().expect("an item").len())
            .sum::<usize>();
        let docs = DocsPage::of(&document);
        assert_eq!(docs.groups.iter().map(|group| group.operations.len()).sum::<usize>(), count);
        let html = docs.render().expect("a page");
        assert!(html.contains("/v1/capsules/{id}/publish") && html.contains("RFC 3339"));
        assert!(!html.contains('`'), "every backtick has its pair");
        assert!(!html.contains("http://") && !html.contains("https://"), "nothing in it reaches another host");
    }

    #[test]
    fn every_kind_of_problem_is_on_its_page() {
        let html = ProblemsPage { kinds: KINDS }.render().expect("a page");
        assert!(KINDS.iter().all(|kind| html.contains(&format!("id=\"{}\"", kind.code))));
    }
}
