//! Compares every response that a test receives with the API document.

use std::collections::HashMap;
use std::sync::OnceLock;

use hookpoint::http::openapi::{ApiDocument, DocumentedSettings};
use jsonschema::Validator;
use serde_json::{Map, Value};

use super::http::Response;

/// The API document with the settings that tests have.
pub fn api_document() -> Value {
    let settings = DocumentedSettings {
        lookup_path: "/omnidesk/customerlookup",
        key_parameter: "key",
        max_query: hookpoint::lookup::query::MAX_QUERY,
        public_url: "",
        port: 8080,
    };
    serde_json::from_slice(&ApiDocument::render(settings).unwrap().json).unwrap()
}

/// The document, with compiled schemas.
pub struct Documented {
    document: Value,
    schemas: HashMap<String, Validator>,
}

/// A part of the document as a schema of its own, in which references still lead to the document's components.
pub fn schema(document: &Value, schema: &Value) -> Validator {
    let mut whole = schema.as_object().cloned().unwrap_or_default();
    whole.insert("components".to_owned(), document["components"].clone());
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&Value::Object(whole))
        .unwrap()
}

impl Documented {
    fn new(document: Value) -> Self {
        let mut schemas = HashMap::new();
        for (path, method, operation) in operations(&document) {
            for (status, response) in operation["responses"].as_object().unwrap() {
                for (media_type, content) in response["content"].as_object().into_iter().flatten() {
                    let name = format!("{method} {path} {status} {media_type}");
                    schemas.insert(name, schema(&document, &content["schema"]));
                }
            }
        }
        let problem = schema(&document, &document["components"]["schemas"]["Problem"]);
        schemas.insert("problem".to_owned(), problem);
        Self { document, schemas }
    }

    /// What a response has that the document does not say.
    pub fn check(&self, method: &str, target: &str, response: &Response) -> Result<(), String> {
        let path = target.split('?').next().unwrap_or_default();
        let documented = self.path(path);
        let as_method = if method == "HEAD" { "get" } else { &method.to_lowercase() };
        let operation = documented.and_then(|(_, methods)| methods.get(as_method));
        let Some((operation, (name, _))) = operation.zip(documented) else {
            let expected = if documented.is_some() { 405 } else { 404 };
            if response.status != expected {
                return Err(format!("{} instead of {expected}", response.status));
            }
            return self.check_body("problem", method, response);
        };
        let status = response.status.to_string();
        let answer = operation["responses"].get(&status).ok_or("the status is not documented")?;
        for (header, said) in answer["headers"].as_object().unwrap() {
            self.check_header(header, said, response)?;
        }
        let Some(content) = answer["content"].as_object().filter(|_| method != "HEAD") else {
            return if response.body.is_empty() { Ok(()) } else { Err("it has a body".to_owned()) };
        };
        let media_type = response.header("content-type").ok_or("it has no media type")?;
        if !content.contains_key(media_type) {
            return Err(format!("the media type {media_type} is not documented"));
        }
        if media_type.starts_with("text/") {
            return Ok(());
        }
        self.check_body(&format!("{as_method} {name} {status} {media_type}"), method, response)
    }

    fn check_body(&self, schema: &str, method: &str, response: &Response) -> Result<(), String> {
        if method == "HEAD" {
            return if response.body.is_empty() { Ok(()) } else { Err("it has a body".to_owned()) };
        }
        let body: Value = serde_json::from_str(&response.body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        let errors = self.schemas[schema].iter_errors(&body);
        let errors: Vec<String> =
            errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("\n")) }
    }

    fn check_header(&self, name: &str, said: &Value, response: &Response) -> Result<(), String> {
        match response.header(name) {
            None if said["required"] == true => Err(format!("the header {name} is missing")),
            None => Ok(()),
            Some(value) if schema(&self.document, &said["schema"]).is_valid(&value.into()) => {
                Ok(())
            }
            Some(value) => Err(format!("the header {name} is {value}")),
        }
    }

    /// The path of the document that matches the path of a request, with its methods.
    fn path(&self, path: &str) -> Option<(&String, &Map<String, Value>)> {
        let matches = |documented: &str| {
            let (mut said, mut sent) = (documented.split('/'), path.split('/'));
            loop {
                match (said.next(), sent.next()) {
                    (None, None) => return true,
                    (Some("{secret}"), Some(_)) => return sent.all(str::is_empty),
                    (Some(said), Some(sent)) if said == sent => {}
                    (Some(said), Some(sent)) if said.starts_with('{') && !sent.is_empty() => {}
                    _ => return false,
                }
            }
        };
        let paths = self.document["paths"].as_object().unwrap();
        let (path, methods) = paths.iter().find(|(documented, _)| matches(documented))?;
        Some((path, methods.as_object().unwrap()))
    }
}

/// Every operation of the document: path, method, operation.
pub fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let methods = paths.iter().flat_map(|(path, methods)| {
        methods
            .as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (path, method, operation))
    });
    methods.map(|(path, method, operation)| (path.as_str(), method.as_str(), operation)).collect()
}

/// The document that every response is compared with.
pub fn documented() -> &'static Documented {
    static DOCUMENTED: OnceLock<Documented> = OnceLock::new();
    DOCUMENTED.get_or_init(|| Documented::new(api_document()))
}

/// Fails if the document does not describe the response to a request. Only the service gives out an id: the metrics, and
/// the HTTP server itself when it refuses a request that is not HTTP, do not.
pub fn assert_documented(request: &[u8], response: &Response) {
    if response.header("x-request-id").is_none() {
        return;
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut response = response.clone();
    // After a response, another one may follow: the server may read the rest of a refused body as a request.
    let length = response.header("content-length").and_then(|length| length.parse().ok());
    if let Some(length) = length.filter(|_| method != "HEAD") {
        response.body.truncate(length);
    }
    if let Err(difference) = documented().check(method, target, &response) {
        panic!("not as documented: {difference}\n{line}\n{}\n\n{}", response.head, response.body);
    }
}
