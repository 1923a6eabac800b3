//! Checks the settings of traces, and reads the headers for the collector, whose values are secrets.

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};

use super::file::TracesSettings;
use super::secrets;
use crate::sources::SettingProblem;
use crate::sources::safe_url::{bare_url, is_safe_url};
use crate::sources::secret::Fetch;

const ENDPOINT: &str = "telemetry.traces.endpoint";

/// Headers that belong to the request itself.
const RESERVED: [HeaderName; 3] = [CONTENT_LENGTH, CONTENT_TYPE, HOST];

/// The mistakes in the settings of traces, except secrets that cannot be read.
pub(super) fn check_traces(settings: &TracesSettings) -> Vec<SettingProblem> {
    let TracesSettings { endpoint, service_name, headers, .. } = settings;
    let mut found: Vec<SettingProblem> = Vec::new();
    // Without a path, a collector answers 404. Its other port, 4317, speaks gRPC.
    let is_whole = bare_url(endpoint).is_some_and(|url| url.path() != "/");
    if !endpoint.is_empty() && !is_whole {
        let what = "must be the whole URL for traces over HTTP, such as \"http://127.0.0.1:4318/v1/traces\", without a user, a query or a fragment";
        found.push(SettingProblem::new(ENDPOINT, what));
    } else if !endpoint.is_empty() && !headers.is_empty() && !is_safe_url(endpoint) {
        let what = "must begin with https, because headers with secrets are sent there; plain http is allowed for this machine only";
        found.push(SettingProblem::new(ENDPOINT, what).depending_on(key_of("")));
    }
    if service_name.is_empty() {
        let what = "must not be empty; write a name such as \"hookpoint\"";
        found.push(SettingProblem::new("telemetry.traces.service_name", what));
    }
    let is_wrong = |name: &&String| header_name(name).is_none();
    found.extend(headers.keys().filter(is_wrong).map(|name| {
        SettingProblem::new(key_of(name), "must be the name of a header, such as \"x-api-key\"")
    }));
    found
}

/// The headers for the collector.
///
/// # Errors
/// The first secret that cannot be read.
pub fn trace_headers(settings: &TracesSettings) -> Result<HeaderMap, SettingProblem> {
    read_headers(settings, &secrets::fetch)
}

/// Like [`trace_headers`], with the given function for secrets. While traces are off, there are none.
pub(super) fn read_headers(
    settings: &TracesSettings,
    fetch: Fetch<'_>,
) -> Result<HeaderMap, SettingProblem> {
    let mut headers = HeaderMap::new();
    for (name, place) in settings.headers.iter().filter(|_| !settings.endpoint.is_empty()) {
        let problem = |what: String| SettingProblem::new(key_of(name), what);
        let Some(header) = header_name(name) else { continue };
        let kept = fetch(place).map_err(problem)?;
        let value = HeaderValue::from_bytes(&kept).ok().filter(|value| !value.is_empty());
        let mut value = value.ok_or_else(|| {
            problem(
                "contains no value for a header: it is empty, or it has a line break".to_owned(),
            )
        })?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

fn header_name(name: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    (!RESERVED.contains(&name)).then_some(name)
}

fn key_of(header: &str) -> String {
    format!("telemetry.traces.headers.{header}").trim_end_matches('.').to_owned()
}
