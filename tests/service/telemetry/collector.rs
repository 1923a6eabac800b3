//! A collector of traces: it keeps what it gets, and decodes it with the messages that OpenTelemetry generates.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data, PayloadConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use hookpoint::settings::file::SettingsFile;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::support::{Response, until};

/// How the collector answers.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// It takes everything.
    Ok,
    /// It takes everything but some spans.
    Rejects(i64),
    /// It answers with an error.
    Status(u16),
    /// It takes the request, and never answers.
    Never,
}

/// A request to the collector.
#[derive(Debug, Clone)]
pub struct Received {
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A span that the collector got.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    pub trace_id: String,
    pub span_id: String,
    pub parent: String,
    pub kind: i32,
    pub attributes: BTreeMap<String, String>,
    /// Trace and span of each link.
    pub links: Vec<(String, String)>,
    pub has_failed: bool,
    pub started_at: u64,
    pub ended_at: u64,
    /// What else a span can have, and ours never have.
    pub others: usize,
}

pub struct Collector {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    server: ServerHandle,
}

struct State {
    received: Arc<Mutex<Vec<Received>>>,
    answer: Answer,
}

impl Collector {
    pub fn start(answer: Answer) -> Self {
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Data::new(State { received: Arc::clone(&received), answer });
        let app = move || {
            App::new()
                .app_data(PayloadConfig::new(64 * 1024 * 1024))
                .app_data(state.clone())
                .default_service(web::to(receive))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().shutdown_timeout(0);
        let server = server.listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, received, server: handle }
    }

    /// Names this collector in the settings.
    pub fn turn_on(&self, file: &mut SettingsFile) {
        file.telemetry.traces.endpoint = self.endpoint();
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}/v1/traces", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// All spans, in the order of their arrival.
    pub fn spans(&self) -> Vec<Seen> {
        let requests = self.requests();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).map(seen).collect()
    }

    /// The attributes of the service that sent.
    pub fn resources(&self) -> Vec<BTreeMap<String, String>> {
        let requests = self.requests();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        resources.map(|spans| attributes(&spans.resource.as_ref().unwrap().attributes)).collect()
    }

    pub fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        let received = self.received();
        received
            .iter()
            .map(|received| ExportTraceServiceRequest::decode(&*received.body).unwrap())
            .collect()
    }

    /// Waits for the spans of a request, and so also for those that were sent before. The root comes first.
    pub async fn wait_for(&self, response: &Response) -> Vec<Seen> {
        until("its trace arrives", async || !self.trace_of(response).is_empty()).await;
        self.trace_of(response)
    }

    /// The spans of a request. The root comes first.
    pub fn trace_of(&self, response: &Response) -> Vec<Seen> {
        let id = response.header("x-request-id").unwrap().replace('-', "");
        let mut spans = self.spans();
        spans.retain(|span| span.trace_id == id);
        spans.sort_by_key(|span| (!span.parent.is_empty(), span.started_at));
        spans
    }

    pub async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn receive(request: HttpRequest, body: Bytes, state: Data<State>) -> HttpResponse {
    let text = |value: &actix_web::http::header::HeaderValue| {
        String::from_utf8_lossy(value.as_bytes()).into_owned()
    };
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value))).collect();
    let target = format!("{} {}", request.method(), request.uri());
    state.received.lock().unwrap().push(Received { target, headers, body: body.to_vec() });
    let taken = |rejected_spans| {
        let error_message = "words-of-the-collector".to_owned();
        let partial = ExportTracePartialSuccess { rejected_spans, error_message };
        let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
        HttpResponse::Ok().content_type("application/x-protobuf").body(answer.encode_to_vec())
    };
    match state.answer {
        Answer::Ok => taken(0),
        Answer::Rejects(spans) => taken(spans),
        Answer::Status(status) => HttpResponse::build(StatusCode::from_u16(status).unwrap())
            .body("words-of-the-collector"),
        Answer::Never => std::future::pending().await,
    }
}

fn seen(span: &Span) -> Seen {
    let link = |link: &opentelemetry_proto::tonic::trace::v1::span::Link| {
        assert!(link.trace_state.is_empty() && link.attributes.is_empty(), "{link:?}");
        (hex(&link.trace_id), hex(&link.span_id))
    };
    let message = span.status.as_ref().map_or(0, |status| status.message.len());
    Seen {
        name: span.name.clone(),
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: span.kind,
        attributes: attributes(&span.attributes),
        links: span.links.iter().map(link).collect(),
        has_failed: span.status.as_ref().is_some_and(|status| status.code == 2),
        started_at: span.start_time_unix_nano,
        ended_at: span.end_time_unix_nano,
        others: span.events.len() + span.trace_state.len() + message,
    }
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|value| value.value.clone()) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => panic!("a value that the service never sends: {other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
