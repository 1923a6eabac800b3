//! Times in Omneo's data, which have no zone. Their zone is not documented.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde_json::Value;

use super::settings::OmneoSettings;
use crate::sources::time_formats::civil;

impl OmneoSettings {
    /// The zone of the tenant's times. The settings have been validated.
    fn zone(&self) -> TimeZone {
        TimeZoneDatabase::bundled().get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// A time in Omneo's format.
    pub(super) fn written(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// A body with its times in UTC, as the other parsers expect; `None` if they are in UTC already.
    pub(super) fn in_utc(&self, body: &Value) -> Option<Value> {
        let zone = Some(self.zone()).filter(|zone| *zone != TimeZone::UTC)?;
        let mut body = body.clone();
        place(&mut body, &zone);
        Some(body)
    }
}

fn place(value: &mut Value, zone: &TimeZone) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match instant(value, name, zone).filter(|_| name.ends_with("_at")) {
                    Some(at) => *value = Value::from(at.to_string()),
                    None => place(value, zone),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| place(item, zone)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `None` unless the value is a time without a zone. A day alone, also with midnight as its time, is the same
/// in every zone.
fn instant(value: &Value, name: &str, zone: &TimeZone) -> Option<Timestamp> {
    let at = civil(value.as_str()?.trim())?;
    let is_day = at.time() == Time::midnight() && !STAMPS.contains(&name);
    if is_day { None } else { at.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp()) }
}

/// Times of the record itself. They are never days.
const STAMPS: [&str; 3] = ["created_at", "updated_at", "deleted_at"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_the_tenants_and_everything_else_stays() {
        let sydney =
            OmneoSettings { time_zone: "Australia/Sydney".to_owned(), ..OmneoSettings::default() };
        let said = json!({
            "updated_at": "2026-11-21 10:00:00", "joined_at": "2023-01-15", "issued_at": "2023-01-15 00:00:00", "birth_date": "1990-02-03 00:00:00", "deleted_at": null,
            "items": [{"created_at": "2026-07-01T10:00:00", "issued_at": "2026-07-01T10:00:00Z", "name": "2026-07-01 10:00:00"}],
        });
        let expected = json!({
            "updated_at": "2026-11-20T23:00:00Z", "joined_at": "2023-01-15", "issued_at": "2023-01-15 00:00:00", "birth_date": "1990-02-03 00:00:00", "deleted_at": null,
            "items": [{"created_at": "2026-07-01T00:00:00Z", "issued_at": "2026-07-01T10:00:00Z", "name": "2026-07-01 10:00:00"}],
        });
        assert_eq!(sydney.in_utc(&said), Some(expected));
        assert_eq!(sydney.written("2026-11-20T23:00:00Z".parse().unwrap()), "2026-11-21 10:00:00");
        assert_eq!(OmneoSettings::default().in_utc(&said), None);
    }
}
