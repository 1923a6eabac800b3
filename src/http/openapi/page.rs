//! The API document as a page for a browser.

use std::collections::BTreeMap;

use actix_web::web::Bytes;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::error::DocumentError;
use crate::http::pages::STYLE;

const PAGE: &str = include_str!("docs.html");

/// The page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) html: Bytes,
}

/// The parts of the document that the page shows.
#[derive(Deserialize)]
struct Document {
    info: Info,
    paths: BTreeMap<String, BTreeMap<String, Operation>>,
    components: Components,
}

#[derive(Serialize, Deserialize)]
struct Info {
    title: String,
    version: String,
    description: String,
}

#[derive(Deserialize)]
struct Components {
    #[serde(rename = "securitySchemes")]
    security_schemes: BTreeMap<String, Parameter>,
}

/// A method of a path.
#[derive(Serialize, Deserialize)]
struct Operation {
    #[serde(rename = "operationId")]
    id: String,
    summary: String,
    description: String,
    #[serde(default)]
    security: Vec<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default, rename = "requestBody")]
    body: Option<Body>,
    responses: BTreeMap<String, Body>,
    #[serde(rename = "x-codeSamples")]
    samples: Vec<Sample>,
}

/// A parameter, or the API key.
#[derive(Clone, Serialize, Deserialize)]
struct Parameter {
    name: String,
    #[serde(rename = "in")]
    place: String,
    #[serde(default)]
    required: bool,
    description: String,
}

/// A body of a request or a response.
#[derive(Serialize, Deserialize)]
struct Body {
    description: String,
    #[serde(default)]
    content: BTreeMap<String, Content>,
}

#[derive(Serialize, Deserialize)]
struct Content {
    #[serde(default)]
    examples: BTreeMap<String, Example>,
}

#[derive(Serialize, Deserialize)]
struct Example {
    summary: String,
    /// As the document writes it: the order of keys is a part of the contract.
    #[serde(deserialize_with = "as_written")]
    value: String,
}

#[derive(Serialize, Deserialize)]
struct Sample {
    label: String,
    source: String,
}

fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(|raw| raw.get().to_owned())
}

/// A method of a path, for the template.
#[derive(Serialize)]
struct Endpoint {
    method: String,
    path: String,
    #[serde(flatten)]
    operation: Operation,
}

/// A problem, for the template.
#[derive(Serialize)]
struct Problem {
    status: String,
    title: String,
    example: String,
}

impl Page {
    /// Renders the page of a document, with its paths in the given order.
    pub(super) fn render(json: &str, paths: &[String]) -> Result<Self, DocumentError> {
        let document: Document = serde_json::from_str(json)?;
        let problems = problems(&document);
        let Document { info, paths: mut operations, components } = document;
        let endpoints: Vec<Endpoint> = paths
            .iter()
            .filter_map(|path| operations.remove_entry(path))
            .flat_map(|(path, methods)| endpoints(&path, methods, &components))
            .collect();
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.add_template("docs.html", PAGE)?;
        let html = environment.get_template("docs.html")?.render(context! {
            info,
            endpoints,
            problems,
            style => STYLE,
        })?;
        Ok(Self { html: Bytes::from(html) })
    }
}

/// The methods of a path. The API key is shown as a parameter.
fn endpoints(
    path: &str,
    methods: BTreeMap<String, Operation>,
    components: &Components,
) -> Vec<Endpoint> {
    let endpoint = |(method, mut operation): (String, Operation)| {
        let keys = operation.security.iter().flat_map(BTreeMap::keys);
        let keys = keys.filter_map(|name| components.security_schemes.get(name).cloned());
        let keys: Vec<Parameter> = keys.map(|key| Parameter { required: true, ..key }).collect();
        operation.parameters.splice(0..0, keys);
        Endpoint { method: method.to_uppercase(), path: path.to_owned(), operation }
    };
    let mut endpoints: Vec<Endpoint> = methods.into_iter().map(endpoint).collect();
    endpoints.sort_by_key(|endpoint| endpoint.method == "OPTIONS");
    endpoints
}

/// All problems of all operations, by code.
fn problems(document: &Document) -> BTreeMap<String, Problem> {
    let mut problems = BTreeMap::new();
    let operations = document.paths.values().flat_map(BTreeMap::values);
    for (status, response) in operations.flat_map(|operation| &operation.responses) {
        let Some(content) = response.content.get("application/problem+json") else { continue };
        for (code, example) in &content.examples {
            let problem = Problem {
                status: status.clone(),
                title: example.summary.clone(),
                example: example.value.clone(),
            };
            problems.insert(code.clone(), problem);
        }
    }
    problems
}
