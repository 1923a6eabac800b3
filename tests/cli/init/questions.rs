//! `hookpoint init` at a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{SECRET, VALID, check, read, settings_of};
use crate::command::{Scratch, TIMEOUT, command};

/// The command with a terminal as its standard input. Its other output goes to files.
struct Session {
    child: Child,
    keyboard: File,
    /// What the terminal shows: the questions, and the input.
    screen: Arc<Mutex<Vec<u8>>>,
    errors: Arc<Mutex<Vec<u8>>>,
    /// How much of the screen is answered.
    answered: usize,
}

/// Collects everything that can be read. A terminal that ends is an error.
fn collect(mut from: impl Read + Send + 'static) -> Arc<Mutex<Vec<u8>>> {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let to = Arc::clone(&collected);
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            to.lock().unwrap().extend_from_slice(&buffer[..length]);
        }
    });
    collected
}

fn text_of(collected: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&collected.lock().unwrap()).into_owned()
}

impl Session {
    fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NOCTTY);
        let mut command = command(&settings_of(scratch), arguments);
        let mut child = command
            .stdin(options.open(name).unwrap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let screen = collect(keyboard.try_clone().unwrap());
        let errors = collect(child.stderr.take().unwrap());
        Self { child, keyboard, screen, errors, answered: 0 }
    }

    /// Waits for a question, and answers it.
    fn answer(&mut self, question: &str, answer: &str) {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let asked = text_of(&self.screen);
            let new = &asked[self.answered..];
            let words = new.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.contains(question) && new.ends_with(": ") {
                self.answered = asked.len();
                break;
            }
            assert!(Instant::now() < deadline, "{question} is not asked: {asked}");
            std::thread::sleep(Duration::from_millis(10));
        }
        writeln!(self.keyboard, "{answer}").unwrap();
    }

    /// Waits for the end, and returns the result with what the terminal showed.
    fn end(mut self) -> (Option<i32>, String, String) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let code = self.child.wait().unwrap().code();
        (code, out, text_of(&self.screen))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn answers_make_the_settings_and_secrets_are_not_shown() {
    let scratch = Scratch::new();
    let mut session = Session::start(&scratch, &["init", "--no-key"]);
    session.answer("Name of the brand", "Shop!");
    session.answer("a brand's name has 1 to 63 lower-case letters", "shop");
    session.answer("reach this service", "");
    session.answer("This has no default", "https://api.brand.nl");
    session.answer("Time zone [Europe/Amsterdam]", "Europe/Brussels");
    session.answer("en or nl) [en]", "nl");
    session.answer("country code [NL]", "");
    session.answer("URL of your Postgres", "mysql://hookpoint:hunter2@db/hookpoint");
    session.answer("starts with mysql://", "");
    session.answer("Sources that send webhooks", "omneo, hubspot");
    session.answer("hubspot is not a source", "omneo, omnilab, omniotap");
    session.answer("Verification [signature]", "");
    session.answer("Secret from Omneo", "hunter2");
    session.answer("needs at least 16 bytes", SECRET);
    session.answer("Verification [signature]", "");
    session.answer("Secret from OmniLab", "");
    session.answer("Verification [secret]", "none");
    let errors = Arc::clone(&session.errors);
    let (code, out, screen) = session.end();
    assert_eq!((code, text_of(&errors).as_str()), (Some(0), ""), "{out}");
    assert!(screen.contains("https://api.brand.nl") && screen.contains("Europe/Brussels"));
    for shown in [&screen, &out] {
        assert!(!shown.contains("hunter2") && !shown.contains(SECRET), "{shown}");
    }
    let text = read(settings_of(&scratch));
    let settings: toml::Table = text.parse().unwrap();
    let brand = &settings["brands"]["shop"];
    let of_brand =
        ["time_zone", "locale", "default_region"].map(|key| brand[key].as_str().unwrap());
    assert_eq!(of_brand, ["Europe/Brussels", "nl", "NL"]);
    let verification =
        |source: &str| brand["sources"].get(source).map(|it| &it["webhook"]["verification"]);
    assert_eq!(verification("omneo").unwrap().as_str(), Some("signature"));
    assert_eq!(verification("omniotap").unwrap().as_str(), Some("none"));
    assert!(verification("omnilab").is_none(), "its secret is not known yet");
    assert_eq!(read(scratch.0.join("etc/secrets/shop-omneo-webhook")).trim_end(), SECRET);
    assert!(check(&scratch).well().ends_with(VALID));
}

#[test]
fn if_the_input_ends_nothing_is_written() {
    let scratch = Scratch::new();
    let mut session = Session::start(&scratch, &["init", "--no-key", "--brand", "shop"]);
    // Ctrl-D ends the input.
    session.answer("reach this service", "https://api.brand.nl\nEurope/Amsterdam\n\u{4}");
    let errors = Arc::clone(&session.errors);
    let (code, out, _) = session.end();
    assert_eq!((code, out.as_str()), (Some(1), ""), "{}", text_of(&errors));
    assert!(!scratch.0.join("etc").exists());
}

#[test]
fn an_answer_that_contradicts_an_argument_is_asked_again() {
    let scratch = Scratch::new();
    let secret = scratch.file("secret", SECRET, 0o600);
    let given = format!("omneo={}", secret.display());
    let url = "https://api.brand.nl";
    let arguments = ["init", "--no-key", "--embedded", "--brand", "shop", "--public-url", url];
    let more = ["--time-zone", "UTC", "--locale", "en", "--region", "NL", "--secret-file", &given];
    let mut session = Session::start(&scratch, &[&arguments[..], &more].concat());
    session.answer("Sources that send webhooks", "omnilab");
    session.answer("--secret-file is for omneo, but omneo is not among the sources", "omneo omneo");
    session.answer("omneo is named twice", "omneo");
    session.answer("Verification [signature]", "none");
    session.answer("--secret-file: omneo=none has no secret", "signature");
    let (code, out, screen) = session.end();
    assert_eq!(code, Some(0), "{out}{screen}");
    assert_eq!(read(scratch.0.join("etc/secrets/shop-omneo-webhook")).trim_end(), SECRET);
}
