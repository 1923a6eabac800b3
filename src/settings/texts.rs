//! Checks the addresses, paths, URLs and names in the settings file.

use super::file::{ServerSettings, SettingsFile};
use crate::customer::model::near_name::{did_you_mean, near_name};
use crate::http::route::is_reserved;
use crate::sources::SettingProblem;
use crate::sources::safe_url::bare_url;

/// The mistakes in the texts.
pub(super) fn check_texts(file: &SettingsFile) -> impl Iterator<Item = SettingProblem> {
    let SettingsFile { server, console, lookup, database, telemetry, .. } = file;
    [
        ("lookup.path", lookup_path(&lookup.path)),
        ("server.listen", address(&server.listen)),
        ("server.metrics_listen", optional_address(&server.metrics_listen)),
        ("server.metrics_listen", same_address(&server.metrics_listen, &server.listen)),
        ("console.listen", optional_address(&console.listen)),
        ("console.listen", same_as_another(&console.listen, server)),
        ("console.public_url", public_url(&console.public_url)),
        ("database.url", database_url(&database.url)),
        ("lookup.key_parameter", key_parameter(&lookup.key_parameter)),
        ("server.public_url", public_url(&server.public_url)),
    ]
    .into_iter()
    .filter_map(|(key, mistake)| Some(SettingProblem::new(key, mistake?)))
    .map(|mistake| match mistake.key.as_str() {
        // Two addresses that are equal may be equal because of the default of the other one.
        "server.metrics_listen" | "console.listen" => mistake.depending_on("server.listen"),
        _ => mistake,
    })
    .chain(level(&telemetry.level))
}

/// What is wrong with a value. `None` if it is right.
type Checked = Option<&'static str>;

fn lookup_path(path: &str) -> Checked {
    let is_right = path.starts_with('/')
        && path != "/"
        && !path.contains(['?', '#', '{', '}'])
        && !is_reserved(path);
    (!is_right).then_some(
        "must be a path such as \"/omnidesk/customerlookup\": it begins with /, has no ?, #, { or }, and no other endpoint uses it",
    )
}

fn address(address: &str) -> Checked {
    let is_right = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    (!is_right).then_some("must be an address and a port, such as \"127.0.0.1:8080\"")
}

/// Without an address, the metrics or the console are not served.
fn optional_address(text: &str) -> Checked {
    if text.is_empty() { None } else { address(text) }
}

fn same_address(metrics: &str, listen: &str) -> Checked {
    (metrics == listen).then_some("must differ from server.listen")
}

fn same_as_another(console: &str, server: &ServerSettings) -> Checked {
    let is_same = [&server.listen, &server.metrics_listen]
        .into_iter()
        .any(|other| console == other && !console.is_empty() && !console.ends_with(":0"));
    is_same.then_some("must differ from server.listen and server.metrics_listen")
}

fn database_url(url: &str) -> Checked {
    let is_right =
        url.is_empty() || url.starts_with("postgres://") || url.starts_with("postgresql://");
    (!is_right).then_some("must be a URL, such as \"postgres://user@host/database\"")
}

fn key_parameter(name: &str) -> Checked {
    let is_word = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let is_taken = ["channelAddressType", "address", "ticketID", "primaryID"].contains(&name);
    (!is_word || is_taken).then_some(
        "must have only letters, digits, - and _, and must not be a parameter of Omnidesk; write a name such as \"key\"",
    )
}

fn level(name: &str) -> Option<SettingProblem> {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    let near = did_you_mean(near_name(name, LEVELS), "");
    let what = format!("must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\"{near}");
    (!LEVELS.contains(&name)).then(|| SettingProblem::new("telemetry.level", what))
}

fn public_url(url: &str) -> Checked {
    let is_right = url.is_empty() || bare_url(url).is_some();
    (!is_right).then_some(
        "must be a URL, such as \"https://api.brand.nl\", without a user, a query or a fragment",
    )
}
