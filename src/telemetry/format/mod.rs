//! The formats of log lines: JSON for machines, text for people.
//!
//! The formatter of the library writes the fields of each span to text, parses them, and writes them again, for every
//! line. That took longer than answering a request. These formats keep only the request id of a span.

mod human;
mod json;
mod line;
mod request_id;

pub(crate) use self::human::Human;
pub(crate) use self::json::Json;
pub(crate) use self::request_id::RequestIdOnly;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct TestWriter(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for TestWriter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(json: bool, say: impl FnOnce()) -> String {
        let lines = TestWriter::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(RequestIdOnly)
            .with_writer(move || writer.clone());
        let registry = tracing_subscriber::registry();
        if json {
            tracing::subscriber::with_default(registry.with(layer.event_format(Json)), say);
        } else {
            tracing::subscriber::with_default(
                registry.with(layer.event_format(Human { colours: false })),
                say,
            );
        }
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_is_one_object_whatever_is_in_it() {
        let nasty = "a\"b\\c\nd\u{1b}[31m\u{9b}\u{2028}ë";
        let text = written(true, || {
            let span =
                tracing::info_span!("request", request_id = "r-1", brand = tracing::field::Empty);
            let _in = span.enter();
            span.record("brand", "shop");
            tracing::warn!(nasty, n = 7_u64, below = -7_i64, yes = true, debug = ?Some(nasty), "said \"so\"");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["nasty"], &line["n"], &line["below"], &line["yes"]),
            (&nasty.into(), &7.into(), &(-7).into(), &true.into())
        );
        assert_eq!(
            (&line["message"], &line["level"], &line["request_id"]),
            (&"said \"so\"".into(), &"WARN".into(), &"r-1".into())
        );
        assert!(
            line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok()
                && line["debug"].is_string(),
            "{text}"
        );
        assert!(line.get("target").is_none() && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn people_read_a_sentence() {
        let text =
            written(false, || tracing::info!(status = 200, text = "a\u{1b}b", "request answered"));
        assert!(
            text.trim_end().ends_with("  INFO request answered status=200 text=a\\u{1b}b"),
            "{text}"
        );
        let foreign = written(false, || tracing::error!(target: "sqlx", "lost"));
        assert!(foreign.trim_end().ends_with(" ERROR sqlx lost"), "{foreign}");
    }
}
