//! Signatures by other implementations (`fixtures/signatures`), verified with settings from a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hookpoint::customer::model::source::Source;
use hookpoint::settings::Settings;
use hookpoint::sources::webhook::{UnverifiedWebhook, VerificationError, WebhookVerifier};
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    secret: String,
    received_at: Timestamp,
    webhook: toml::Table,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

pub struct Vector {
    pub name: String,
    pub webhook: toml::Table,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub received_at: Timestamp,
    pub verifier: WebhookVerifier,
}

impl Vector {
    pub fn check(
        &self,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Result<(), VerificationError> {
        self.verifier.verification.check(&UnverifiedWebhook {
            headers,
            secret: None,
            body,
            received_at: self.received_at,
        })
    }
}

pub fn vectors() -> Vec<Vector> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/signatures");
    let mut all = Vec::new();
    for source in Source::ALL {
        let files = std::fs::read_dir(root.join(source.as_str()))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        files.sort();
        all.extend(files.iter().map(|path| vector(source, path)));
    }
    all
}

fn vector(source: Source, path: &Path) -> Vector {
    let written: Written = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let file =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("secret-{}", uuid::Uuid::new_v4()));
    // With a newline at the end, as editors write it.
    std::fs::write(&file, format!("{}\n", written.secret)).unwrap();
    let settings = format!(
        "[brands.demo.sources.{}.webhook]\nsecrets = [{{ file = \"{}\" }}]\n{}",
        source.as_str(),
        file.display(),
        toml::to_string(&written.webhook).unwrap()
    );
    let mut settings =
        Settings::parse(&settings, path).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    std::fs::remove_file(file).unwrap();
    let verifier = settings.brands.remove(0).webhook_verifiers.remove(&source).unwrap();
    let body = std::fs::read(path.with_extension("body")).unwrap();
    let name = format!("{}/{}", source.as_str(), path.file_stem().unwrap().display());
    Vector {
        name,
        webhook: written.webhook,
        headers: written.headers,
        body,
        received_at: written.received_at,
        verifier,
    }
}

#[test]
fn what_others_signed_is_let_in() {
    let all = vectors();
    assert_eq!(all.len(), 14, "each system's README lists them");
    for vector in all {
        assert_eq!(vector.check(&vector.headers, &vector.body), Ok(()), "{}", vector.name);
        assert!(vector.verifier.verification.secret_in().is_none());
        assert_eq!(
            vector.webhook["verification"].as_str(),
            Some(vector.verifier.verification.name())
        );
    }
}

#[test]
fn what_is_let_in_keeps_its_body_and_the_headers_that_reading_needs() {
    for vector in vectors().into_iter().filter(|vector| vector.name.starts_with("omnilab")) {
        let settings = hookpoint::sources::SourceSettings::default();
        let parser = settings.parser(vector.verifier.source);
        let webhook = UnverifiedWebhook {
            headers: &vector.headers,
            secret: None,
            body: &vector.body,
            received_at: vector.received_at,
        };
        let admitted = vector
            .verifier
            .verify(parser, &webhook)
            .map_err(|refused| refused.to_string())
            .unwrap();
        assert!(
            admitted.delivery.body == vector.body
                && admitted.delivery.received_at == vector.received_at
        );
        assert_eq!(
            admitted.delivery.headers.keys().collect::<Vec<_>>(),
            ["webhook-id"],
            "no signature is stored"
        );
    }
}
