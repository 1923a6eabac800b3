//! Everything that the process logs.

use super::*;

/// Everything that this process logs, at every level of ours.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logs {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

static LOGS: OnceLock<Logs> = OnceLock::new();

/// For a process that captures its log in another way.
pub fn adopt_logs(logs: Logs) {
    assert!(LOGS.set(logs).is_ok(), "a subscriber is set already");
}

pub fn logs() -> &'static Logs {
    LOGS.get_or_init(|| {
        let logs = Logs::default();
        let writer = logs.clone();
        let settings = TelemetrySettings {
            format: LogFormat::Json,
            level: "trace".to_owned(),
            ..Default::default()
        };
        tracing::subscriber::set_global_default(hookpoint::telemetry::subscriber(
            &settings,
            move || writer.clone(),
        ))
        .unwrap();
        hookpoint::telemetry::metrics();
        logs
    })
}
