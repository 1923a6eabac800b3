//! The text of a new settings file, and its check.

use std::path::Path;

use super::choices::{Choices, DatabaseChoice, Places, SourceChoice};
use crate::settings::Settings;
use crate::sources::secret::SecretRef;
use crate::sources::webhook_setup;

const HEAD: &str = "\
# Written by `hookpoint init`. deploy/settings.example.toml explains every setting.
# `hookpoint settings check` checks this file. `hookpoint reload` takes over changes.
";

/// The content of the settings file.
pub(super) fn settings_text(choices: &Choices, places: &Places) -> String {
    let database = match &choices.database {
        DatabaseChoice::Server(_) => {
            format!("\n[database]\nurl_file = {}\n", quoted_path(&places.database_url()))
        }
        DatabaseChoice::Environment => {
            "\n# The database is the one of the environment variable DATABASE_URL.\n".to_owned()
        }
        DatabaseChoice::Embedded(data_dir) => embedded(data_dir.as_deref()),
    };
    [HEAD.to_owned(), server(choices), database, brand(choices, places)].concat()
}

/// The first mistake in the choices, by the rules of the settings. Nothing is written yet.
pub(super) fn find_mistake(choices: &Choices, places: &Places) -> Option<String> {
    let database = match &choices.database {
        // Its file does not exist yet.
        DatabaseChoice::Server(url) => {
            format!("\n[database]\nurl = {}\n", quoted(&String::from_utf8_lossy(url.key())))
        }
        DatabaseChoice::Environment => String::new(),
        DatabaseChoice::Embedded(data_dir) => embedded(data_dir.as_deref()),
    };
    let text = [server(choices), database, brand(choices, places)].concat();
    let fetch = |place: &SecretRef| {
        let secret = choices.sources.iter().find_map(|choice| {
            let path = places.webhook_secret(&choices.brand, choice.source);
            let is_of = *place == SecretRef::File(path.display().to_string());
            choice.secret.as_ref().filter(|_| is_of)
        });
        secret.map(|secret| secret.key().to_vec()).ok_or_else(|| "is not known".to_owned())
    };
    let mistakes = match Settings::parse_with(&text, &places.settings, &fetch) {
        Ok(settings) => [settings.missing, settings.warnings].concat(),
        Err(mistakes) => mistakes,
    };
    mistakes.first().map(crate::settings::Mistake::without_place)
}

fn server(choices: &Choices) -> String {
    format!(
        "\n[server]\npublic_url = {}\n# The addresses of the proxies in front of this service. Without them, every client seems to be the proxy:\n\
         # trusted_proxies = [\"127.0.0.1/32\"]\n",
        quoted(&choices.public_url)
    )
}

fn embedded(data_dir: Option<&Path>) -> String {
    data_dir.map_or_else(String::new, |data_dir| {
        format!("\n[database]\ndata_dir = {}\n", quoted_path(data_dir))
    })
}

fn brand(choices: &Choices, places: &Places) -> String {
    let mut text = format!(
        "\n[brands.{}]\ntime_zone = {}\nlocale = {}\ndefault_region = {}\n",
        key(&choices.brand),
        quoted(&choices.time_zone),
        quoted(&choices.locale),
        quoted(&choices.region)
    );
    let fields: Vec<String> = choices
        .sources
        .iter()
        .filter_map(|choice| webhook_setup(choice.source).custom_field)
        .map(|(name, value)| {
            format!("    {{ name = {}, value = {} }},\n", quoted(name), quoted(value))
        })
        .collect();
    if !fields.is_empty() {
        text.push_str("# The fields that agents see next to the name.\n");
        text.push_str(&format!("custom_fields = [\n{}]\n", fields.concat()));
    }
    text.extend(choices.sources.iter().map(|choice| webhook(choices, choice, places)));
    text
}

/// The table of a source's webhooks. It is a comment as long as the secret is not known.
fn webhook(choices: &Choices, choice: &SourceChoice, places: &Places) -> String {
    let (brand, source) = (key(&choices.brand), choice.source);
    let mut table = format!(
        "[brands.{brand}.sources.{source}.webhook]\nverification = {}\n",
        quoted(choice.verification.name)
    );
    if choice.has_secret_file() {
        let file = quoted_path(&places.webhook_secret(&choices.brand, source));
        table.push_str(&format!("secrets = [{{ file = {file} }}]\n"));
    }
    if !choice.lacks_secret() {
        return format!("\n{table}");
    }
    let commented: String = table.lines().map(|line| format!("# {line}\n")).collect();
    format!(
        "\n# The secret of {} is not known yet. When you have it: write it into the file that `secrets` names,\n\
         # remove the \"# \" before the next three lines, and run `hookpoint reload`.\n{commented}",
        webhook_setup(source).name
    )
}

/// A key of TOML. The check of the settings says what is wrong with an unusual name.
fn key(name: &str) -> String {
    let is_bare = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !name.is_empty() && name.bytes().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
