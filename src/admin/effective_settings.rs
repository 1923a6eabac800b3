//! The settings that are in use, value by value, for people. It contains no secret.

use serde::Serialize;
use toml::Value;

use crate::settings::SettingsFile;

/// A setting that is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveSetting {
    /// The key, such as `lookup.deadline_ms`.
    pub key: String,
    /// The value, as the settings file would have it.
    pub value: String,
    /// Whether it is what the service does without this setting.
    pub is_default: bool,
}

/// The URL of the database may contain a password.
const HIDDEN: [&str; 1] = ["database.url"];

/// The settings that are in use, of the service and of one brand, in the order of the settings file.
#[must_use]
pub fn effective_settings(file: &SettingsFile, brand: &str) -> Vec<EffectiveSetting> {
    let mut shown = file.clone();
    shown.brands.retain(|slug, _| slug == brand);
    let mut default = SettingsFile::default();
    default.brands = shown.brands.keys().map(|slug| (slug.clone(), Default::default())).collect();
    let values = |file: &SettingsFile| {
        let mut all = Vec::new();
        if let Ok(value) = Value::try_from(file) {
            add_values("", &value, &mut all);
        }
        all
    };
    let defaults = values(&default);
    let settings = values(&shown).into_iter().map(|(key, value)| {
        let is_default = defaults.iter().any(|other| *other == (key.clone(), value.clone()));
        let is_hidden = HIDDEN.contains(&key.as_str()) && !is_default;
        let value = if is_hidden { "(hidden)".to_owned() } else { value };
        EffectiveSetting { key, value, is_default }
    });
    settings.collect()
}

fn add_values(path: &str, value: &Value, all: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                add_values(&path, value, all);
            }
        }
        _ => all.push((path.to_owned(), value.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_listed_with_their_origin_and_without_other_brands_and_passwords() {
        let text = "[database]\nurl = \"postgres://a:pass@host/b\"\n[lookup]\ndeadline_ms = 700\n\
             [brands.shop]\nlocale = \"nl\"\n[brands.other]\n";
        let file: SettingsFile = toml::from_str(text).unwrap();
        let settings = effective_settings(&file, "shop");
        let of = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!(
            (of("lookup.deadline_ms").value.as_str(), of("lookup.deadline_ms").is_default),
            ("700", false)
        );
        assert_eq!(
            (of("server.listen").value.as_str(), of("server.listen").is_default),
            ("\"127.0.0.1:8080\"", true)
        );
        assert_eq!(of("database.url").value, "(hidden)");
        assert!(
            settings
                .iter()
                .all(|setting| !setting.key.contains("other") && !setting.value.contains("pass@"))
        );
    }
}
