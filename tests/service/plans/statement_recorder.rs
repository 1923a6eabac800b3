//! A proxy to Postgres's socket that records the statements that pass it, with the settings of their session.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::{UnixListener, UnixStream};

use crate::round_trips::pass;

/// A prepared statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordedStatement {
    pub text: String,
    /// The types of its parameters, as object ids of Postgres.
    pub parameters: Vec<u32>,
    /// The `set` statements of the session and the transaction before it.
    pub settings: Vec<String>,
}

/// The statements that passed the proxy.
#[derive(Debug, Clone, Default)]
pub struct StatementRecorder(Arc<Mutex<BTreeSet<RecordedStatement>>>);

impl StatementRecorder {
    /// Opens the proxy in `directory` for the server whose socket is in `server`.
    pub fn open(directory: &Path, server: &Path) -> Self {
        const SOCKET: &str = ".s.PGSQL.5432";
        std::fs::create_dir_all(directory).unwrap();
        let listener = UnixListener::bind(directory.join(SOCKET)).unwrap();
        let (recorder, server) = (Self::default(), server.join(SOCKET));
        let recording = recorder.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                let session = Mutex::new(Session::new(recording.clone()));
                tokio::spawn(pass(from_client, to_server, move |bytes| {
                    session.lock().sent(bytes);
                    true
                }));
                tokio::spawn(pass(from_server, to_client, |_| true));
            }
        });
        recorder
    }

    pub fn statements(&self) -> Vec<RecordedStatement> {
        self.0.lock().iter().cloned().collect()
    }
}

/// The version of the protocol, which the message that starts a session begins with.
const PROTOCOL: u32 = 3 << 16;

/// What a client has sent over a connection. <https://www.postgresql.org/docs/15/protocol-message-formats.html>
struct Session {
    recorder: StatementRecorder,
    unread: Vec<u8>,
    is_started: bool,
    of_session: Vec<String>,
    of_transaction: Vec<String>,
}

impl Session {
    const fn new(recorder: StatementRecorder) -> Self {
        Self {
            recorder,
            unread: Vec::new(),
            is_started: false,
            of_session: Vec::new(),
            of_transaction: Vec::new(),
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        loop {
            // The messages before the session have no type: a request for TLS, and the start.
            let kind_length = usize::from(self.is_started);
            let Some(length) = number(&self.unread, kind_length) else { return };
            let end = kind_length + usize::try_from(length).unwrap();
            if self.unread.len() < end {
                return;
            }
            let message: Vec<u8> = self.unread.drain(..end).collect();
            if self.is_started {
                self.read(message[0], &message[5..]);
            } else {
                self.is_started = number(&message, 4) == Some(PROTOCOL);
            }
        }
    }

    fn read(&mut self, kind: u8, body: &[u8]) {
        match kind {
            b'Q' => self.run(&text(body).0),
            b'P' => {
                let (_, rest) = text(body);
                let (text, rest) = text(rest);
                let parameters = (0..rest.len().saturating_sub(2) / 4)
                    .map(|at| number(rest, 2 + 4 * at).unwrap())
                    .collect();
                let settings = [self.of_session.clone(), self.of_transaction.clone()].concat();
                self.recorder.0.lock().insert(RecordedStatement { text, parameters, settings });
            }
            _ => {}
        }
    }

    /// Statements that are not prepared: they begin and end transactions, and change settings.
    fn run(&mut self, statements: &str) {
        for statement in statements.to_lowercase().split(';').map(str::trim) {
            if statement.starts_with("begin") || ["commit", "rollback"].contains(&statement) {
                self.of_transaction.clear();
            } else if statement.starts_with("set local ") {
                self.of_transaction.push(statement.to_owned());
            } else if let Some(setting) = statement.strip_prefix("set ") {
                self.of_session.push(format!("set local {setting}"));
            }
        }
    }
}

/// A number of four bytes.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().unwrap()))
}

/// A text that ends with a zero, and what follows.
fn text(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), bytes.get(end + 1..).unwrap_or_default())
}
