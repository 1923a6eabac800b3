//! The API document and its page. All tests compare the responses that they receive with the document: see
//! `support/documented.rs`.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use hookpoint::customer::model::source::Source;
use hookpoint::http::problem::Problem;
use hookpoint::http::route::ROUTES;
use hookpoint::sources::webhook::{SECRET_HEADER, SECRET_PARAMETER};
use serde_json::Value;
use sha2::Digest;

use crate::support::{
    KEY, Response, TestApp, TestSettings, api_document, documented, operations, schema, secret_of,
    written,
};

/// The official schema of the format.
const OPENAPI_SCHEMA: &str = include_str!("openapi-3.1.schema.json");
const README: &str = include_str!("../../../README.md");
const LOOKUP_EXAMPLE: &str = include_str!("../../../fixtures/http/customerlookup.json");

/// Every example: where it is, and the schema that it must satisfy.
fn examples(document: &Value) -> Vec<(String, &Value, &Value)> {
    let mut examples = Vec::new();
    for (path, method, operation) in operations(document) {
        let responses = operation["responses"].as_object().unwrap().iter();
        let request = operation.get("requestBody").map(|body| ("request", body));
        for (name, body) in responses.map(|(status, body)| (status.as_str(), body)).chain(request) {
            for content in body["content"].as_object().into_iter().flat_map(|map| map.values()) {
                for (example, said) in content["examples"].as_object().into_iter().flatten() {
                    let place = format!("{method} {path} {name} {example}");
                    examples.push((place, &said["value"], &content["schema"]));
                }
            }
        }
    }
    examples
}

/// JSON without blanks between its parts.
fn compact(json: &str) -> String {
    let (mut is_text, mut is_escaped) = (false, false);
    json.chars()
        .filter(|c| {
            is_text ^= *c == '"' && !is_escaped;
            is_escaped = is_text && *c == '\\' && !is_escaped;
            is_text || !c.is_whitespace()
        })
        .collect()
}

#[test]
fn the_document_has_every_route_and_every_method_and_nothing_else() {
    let document = api_document();
    let mut expected = BTreeSet::new();
    for (_, pattern) in ROUTES {
        let path = pattern.replace("{secret:[^/]*/?}", "{secret}");
        let is_webhook = path.starts_with("/webhooks/");
        let is_form = path == "/agent" || path.starts_with("/agent/view/");
        let methods: &[&str] = match (is_webhook, is_form) {
            (true, _) => &["post", "options"],
            (_, true) => &["get", "post"],
            _ => &["get"],
        };
        expected.extend(methods.iter().map(|method| (path.clone(), (*method).to_owned())));
    }
    let described = operations(&document)
        .into_iter()
        .map(|(path, method, _)| (path.to_owned(), method.to_owned()));
    assert_eq!(described.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn the_document_is_valid_openapi_and_so_are_its_schemas_and_examples() {
    let document = api_document();
    let official: Value = serde_json::from_str(OPENAPI_SCHEMA).unwrap();
    let official = jsonschema::draft202012::new(&official).unwrap();
    let errors: Vec<String> = official
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for (name, described) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::draft202012::meta::is_valid(described), "{name}");
    }
    let examples = examples(&document);
    assert!(examples.len() > 50, "{}", examples.len());
    for (place, example, described) in examples {
        assert!(schema(&document, described).is_valid(example), "{place}: {example}");
    }
}

#[test]
fn the_document_has_every_problem_with_its_status_and_title_and_no_other() {
    let document = api_document();
    let mut described = BTreeMap::new();
    for (place, example, _) in examples(&document) {
        if let Some(code) = example["code"].as_str() {
            assert!(
                place.contains(&format!(" {} {code}", example["status"])),
                "{place}: {example}"
            );
            let text = |key: &str| example[key].as_str().unwrap().to_owned();
            described.insert(code.to_owned(), (example["status"].clone(), text("title")));
        }
    }
    let known = Problem::ALL.iter().map(|problem| {
        let title = problem.title().to_owned();
        (problem.code().to_owned(), (Value::from(problem.status().as_u16()), title))
    });
    assert_eq!(described, known.collect::<BTreeMap<_, _>>());
    let codes: Vec<&str> = Problem::ALL.iter().map(|problem| problem.code()).collect();
    assert_eq!(document["components"]["schemas"]["ProblemCode"]["enum"], Value::from(codes));
}

#[tokio::test]
async fn the_document_has_the_settings_of_the_service() {
    let settings = TestSettings::demo().with(|file| {
        "/kundensuche".clone_into(&mut file.lookup.path);
        "schluessel".clone_into(&mut file.lookup.key_parameter);
        "https://api.brand.example/".clone_into(&mut file.server.public_url);
    });
    let app = TestApp::start_without_warm_up(settings).await;
    let response = app.send("GET", "/openapi.json", &[]).await;
    let document: Value = serde_json::from_str(&response.body).unwrap();
    let lookup = &document["paths"]["/kundensuche"]["get"];
    assert_eq!(lookup["operationId"], "lookup");
    assert!(document["paths"].get("/omnidesk/customerlookup").is_none());
    assert_eq!(document["components"]["securitySchemes"]["key"]["name"], "schluessel");
    assert_eq!(document["servers"][0]["url"], "https://api.brand.example");
    let command =
        "curl 'https://api.brand.example/kundensuche?schluessel=demo&primaryID=NL-2026-00042'";
    assert_eq!(lookup["x-codeSamples"][2]["source"], command);
    let problem = &lookup["responses"]["401"]["content"]["application/problem+json"];
    assert_eq!(
        problem["examples"]["key-unknown"]["value"]["type"],
        "https://api.brand.example/problems/key-unknown"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_example_of_a_lookup_is_the_answer_of_the_service() {
    let app = TestApp::demo().await;
    let query = "channelAddressType=email&address=thomas%40example.org";
    let answer = app.ask(&format!("key={KEY}&{query}")).await.body;
    // The example has some of the events. As text, because the order of keys is a part of the contract.
    let example = compact(LOOKUP_EXAMPLE);
    let (customer, events) = example.split_once("\"timeline\":[").unwrap();
    let (of_answer, mut timeline) = answer.split_once("\"timeline\":[").unwrap();
    assert_eq!(customer, of_answer);
    for event in events.strip_suffix("]}]").unwrap().split_inclusive('}') {
        let event = event.trim_start_matches(',');
        let (_, older) = timeline.split_once(event).unwrap_or_else(|| panic!("{event} {timeline}"));
        timeline = older;
    }
    let document = app.send("GET", "/openapi.json", &[]).await.body;
    assert!(compact(&document).contains(&example), "the document has it with the same order");
    let of_readme = README.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(compact(of_readme), example, "the README shows the same");
    app.stop().await;
}

#[test]
fn the_examples_of_webhooks_are_recordings() {
    let document = api_document();
    let webhooks = operations(&document).into_iter();
    let webhooks =
        webhooks.filter(|(path, method, _)| *method == "post" && path.starts_with("/webhooks/"));
    for (path, _, operation) in webhooks {
        let examples = &operation["requestBody"]["content"]["application/json"]["examples"];
        assert_eq!(examples.as_object().unwrap().len(), Source::ALL.len(), "{path}");
        for source in Source::ALL {
            let folder = format!("{}/fixtures/webhooks/{source}", env!("CARGO_MANIFEST_DIR"));
            let mut recorded = std::fs::read_dir(folder).unwrap().map(|file| {
                let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                serde_json::from_str::<Value>(&text).unwrap()["body"].clone()
            });
            let example = &examples[source.as_str()]["value"];
            assert!(recorded.any(|body| body == *example), "{path} {source}: {example}");
        }
        let names: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(SECRET_HEADER) && names.contains(SECRET_PARAMETER), "{names:?}");
    }
}

#[tokio::test]
async fn the_commands_of_the_page_work() {
    let app = TestApp::demo().await;
    let page = app.send("GET", "/docs", &[]).await.body;
    let page = html_escape::decode_html_entities(&page);
    let document: Value =
        serde_json::from_str(&app.send("GET", "/openapi.json", &[]).await.body).unwrap();
    let base = format!("http://localhost:{}", app.application.address.port());
    let mut found = 0;
    for (path, method, operation) in operations(&document) {
        for sample in operation["x-codeSamples"].as_array().unwrap() {
            let command = sample["source"].as_str().unwrap();
            assert!(page.contains(command), "{command}");
            let url = command.split('\'').nth(1).unwrap();
            let target =
                url.strip_prefix(&base).unwrap().replace("key=demo", &format!("key={KEY}"));
            let response = app.send(&method.to_uppercase(), &target, &[]).await;
            // A webhook needs a signature.
            let expected = match method {
                "get" => 200,
                "options" => 204,
                _ => 401,
            };
            assert_eq!(response.status, expected, "{command}");
            if path == "/omnidesk/customerlookup" {
                assert!(response.body.contains("thomas@example.org"), "{command}");
                found += 1;
            }
        }
    }
    assert_eq!(found, 3);
    app.stop().await;
}

#[tokio::test]
async fn the_page_shows_every_route_and_problem_and_loads_nothing() {
    let app = TestApp::start().await;
    let response = app.send("GET", "/docs", &[]).await;
    let page = &response.body;
    let document = api_document();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(page.contains(&format!("<h2 id=\"{id}\">")), "{method} {path}");
    }
    for problem in Problem::ALL {
        let link = format!("<a href=\"problems/{}\">", problem.code());
        assert!(page.matches(&link).count() >= 2, "in its operation and in the list: {link}");
    }
    for element in ["<script", "<img", "<iframe", "<form", "@import", "url(", " style=", " src="] {
        assert!(!page.contains(element), "{element}");
    }
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{hash}';")));
    app.stop().await;
}

#[tokio::test]
async fn the_document_and_its_page_hold_no_secret_and_only_the_people_of_the_examples() {
    let app = TestApp::demo().await;
    let secrets: Vec<String> = Source::ALL
        .into_iter()
        .flat_map(|source| [secret_of(source), written(source, &secret_of(source))])
        .chain([KEY.to_owned(), "hkp_".to_owned(), "whsec_".to_owned(), app.database.clone()])
        .collect();
    let recordings = Source::ALL
        .map(|source| hookpoint::sources::example_webhooks::example_body(source).unwrap());
    let known = format!("{LOOKUP_EXAMPLE}{}", recordings.concat());
    for path in ["/openapi.json", "/docs"] {
        let text = app.send("GET", path, &[]).await.body;
        let text = html_escape::decode_html_entities(&text).into_owned();
        let text = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
        for secret in &secrets {
            assert!(!text.contains(secret), "{path}: {secret}");
        }
        let is_of_address = |c: char| c.is_alphanumeric() || "@.+-_".contains(c);
        let words: BTreeSet<&str> = text.split(|c| !is_of_address(c)).collect();
        let is_phone = |word: &str| {
            word.len() > 8 && word.starts_with('+') && word[1..].bytes().all(|b| b.is_ascii_digit())
        };
        let is_email = |word: &str| word.find('@').is_some_and(|at| at > 0);
        let addresses = words.into_iter().filter(|word| is_email(word) || is_phone(word));
        let addresses: Vec<&str> = addresses.map(|word| word.trim_matches('.')).collect();
        assert!(addresses.contains(&"thomas@example.org"), "{path}: {addresses:?}");
        for address in addresses {
            assert!(known.contains(address), "{path}: {address}");
        }
    }
    app.stop().await;
}

#[test]
fn a_response_that_the_document_does_not_describe_is_found() {
    let lookup = "/omnidesk/customerlookup?key=x";
    let id = "0198c7a4-6f0e-7c3a-9d51-2b8f4e6a1c07";
    let response = |status: u16, media_type: &str, body: &str| Response {
        status,
        head: format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nCache-Control: no-store\r\nX-Request-Id: {id}"
        ),
        body: body.to_owned(),
    };
    let json = "application/json; charset=utf-8";
    let check = |response: &Response| documented().check("GET", lookup, response);
    check(&response(200, json, LOOKUP_EXAMPLE)).unwrap();
    check(&response(200, json, "[]")).unwrap();
    let more = LOOKUP_EXAMPLE.replace("\"addresses\"", "\"x\":1,\"addresses\"");
    let missing = LOOKUP_EXAMPLE.replace("\"url\"", "\"link\"");
    let number = LOOKUP_EXAMPLE.replace("\"Thomas\"", "1");
    for body in [&more, &missing, &number, "{}", "[", ""] {
        assert!(check(&response(200, json, body)).is_err(), "{body}");
    }
    assert!(check(&response(200, "application/json", "[]")).is_err(), "the media type");
    assert!(check(&response(418, json, "[]")).is_err(), "the status");
    let of_webhooks = Problem::BodyEncoded.body("", id);
    assert!(check(&response(415, "application/problem+json", &of_webhooks)).is_err());
    assert!(check(&response(400, "application/problem+json", &of_webhooks)).is_err(), "the code");
    let at = |method, path, response| documented().check(method, path, response);
    let not_found = response(404, "application/problem+json", &Problem::NotFound.body("", id));
    assert!(at("GET", "/nowhere", &not_found).is_ok() && at("GET", lookup, &not_found).is_err());
    assert!(at("GET", "/nowhere", &response(200, json, "[]")).is_err());
}
