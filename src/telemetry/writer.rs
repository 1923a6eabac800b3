//! A buffered writer for standard error.
//!
//! Lines are collected for some milliseconds, then a thread of its own writes them at once. So a slow reader of the log
//! never delays a lookup. If the buffer is full, lines are dropped and counted. A process that is killed loses the last
//! few milliseconds.
//!
//! `tracing-appender` has no limit in bytes, makes one write for each line, and does not count the lines that could not
//! be written.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

use crate::concurrency::short_slices::ask_for_short_slices;

/// The most bytes that wait to be written.
const MAX_BUFFERED_BYTES: usize = 4 << 20;

/// How long lines are collected.
const COLLECT_INTERVAL: Duration = Duration::from_millis(10);

/// A larger buffer shrinks to this size after use.
const MAX_KEPT_CAPACITY: usize = 256 << 10;

/// The destination of log lines.
#[derive(Clone)]
pub(crate) struct Output(Arc<BufferedLines>);

struct BufferedLines {
    lines: Mutex<Vec<u8>>,
    first: Condvar,
    // Locked during a write, so that lines stay in order.
    sink: Mutex<Sink>,
}

struct Sink {
    to: Box<dyn Write + Send>,
    spare: Vec<u8>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Output {
    /// Starts the writer thread.
    pub(crate) fn new(to: impl Write + Send + 'static) -> Self {
        let sink = Mutex::new(Sink { to: Box::new(to), spare: Vec::new() });
        let output =
            Self(Arc::new(BufferedLines { lines: Mutex::default(), first: Condvar::new(), sink }));
        let writing = output.clone();
        // If no thread can start, the service cannot start either.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            // The threads that answer wait for this one while it takes their lines.
            ask_for_short_slices();
            writing.write_for_ever();
        });
        output
    }

    fn write_for_ever(&self) {
        loop {
            let lines = lock(&self.0.lines);
            drop(
                self.0
                    .first
                    .wait_while(lines, |lines| lines.is_empty())
                    .unwrap_or_else(PoisonError::into_inner),
            );
            std::thread::sleep(COLLECT_INTERVAL);
            self.write();
        }
    }

    /// Writes the collected lines.
    pub(crate) fn write(&self) {
        let Sink { to, spare } = &mut *lock(&self.0.sink);
        std::mem::swap(&mut *lock(&self.0.lines), spare);
        if to.write_all(spare).and_then(|()| to.flush()).is_err() {
            lose(spare.iter().filter(|byte| **byte == b'\n').count());
        }
        spare.clear();
        spare.shrink_to(MAX_KEPT_CAPACITY);
    }

    fn add(&self, line: &[u8]) {
        let mut lines = lock(&self.0.lines);
        if lines.len().saturating_add(line.len()) > MAX_BUFFERED_BYTES {
            drop(lines);
            return lose(1);
        }
        if lines.is_empty() {
            self.0.first.notify_one();
        }
        lines.extend_from_slice(line);
    }
}

/// Counts lost lines. They cannot be logged.
fn lose(lines: usize) {
    metrics::counter!("hookpoint_log_lines_lost_total")
        .increment(u64::try_from(lines).unwrap_or(u64::MAX));
}

/// Each call writes one whole line.
impl Write for &Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Reports each write to the test.
    struct Recorder(mpsc::Sender<String>);

    impl Write for Recorder {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_in_order_and_by_themselves() {
        let (sender, written) = mpsc::channel();
        let output = Output::new(Recorder(sender));
        for n in 0..1_000 {
            (&output).write_all(format!("{n}\n").as_bytes()).unwrap();
        }
        let mut text = String::new();
        while text.lines().count() < 1_000 {
            text += &written.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        assert!(text.lines().map(|line| line.parse::<u32>().unwrap()).eq(0..1_000));
    }

    /// A writer that never returns.
    struct Stuck;

    impl Write for Stuck {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            loop {
                std::thread::park();
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_nobody_reads_holds_nobody_up_and_is_bounded() {
        let output = Output::new(Stuck);
        let line = vec![b'x'; 1_000];
        for _ in 0..20_000 {
            (&output).write_all(&line).unwrap();
        }
        assert!(lock(&output.0.lines).len() <= MAX_BUFFERED_BYTES);
    }
}
