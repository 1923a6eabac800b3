//! The verification of webhooks. The input is like a request: header lines, an empty line, the body. A header `secret`
//! has the secret from the URL.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use hookpoint::customer::model::source::Source;
use hookpoint::sources::SourceSettings;
use hookpoint::sources::secret::SecretLoader;
use hookpoint::sources::webhook::{UnverifiedWebhook, Verification};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// A secret that no input contains: the fuzzer would have to break a hash.
const SECRET: &[u8] = b"-a-secret-that-nobody-knows-";

/// Every verification setting.
const TABLES: [(Source, &str); 12] = [
    (Source::OmniLab, "verification = \"signature\"\nkey_encoding = \"raw\"\nsecrets = S"),
    (
        Source::OmniLab,
        "verification = \"signature\"\nkey_encoding = \"raw\"\nsigning_input = \"body\"\nauthorization = S\nsecrets = S",
    ),
    (Source::Omneo, "verification = \"signature\"\nsecrets = S"),
    (Source::Omneo, "verification = \"secret\"\nsecrets = S"),
    (Source::OmnioTap, "verification = \"signature\"\nsecrets = S"),
    (
        Source::OmnioTap,
        "verification = \"signature\"\nalgorithm = \"hmac-sha1\"\nsignature_prefix = \"sha1=\"\nsecrets = S",
    ),
    (
        Source::OmnioTap,
        "verification = \"signature\"\nalgorithm = \"hmac-sha512\"\nencoding = \"base64\"\nsecrets = S",
    ),
    (Source::Syncaroo, "verification = \"hash\"\nsecrets = S"),
    (
        Source::Syncaroo,
        "verification = \"hash\"\nserialization = \"php\"\nalgorithm = \"hmac-md5\"\nsecrets = S",
    ),
    (
        Source::Syncaroo,
        "verification = \"hash\"\nserialization = \"python\"\nalgorithm = \"sha1\"\nencoding = \"base64\"\nsecrets = S",
    ),
    (
        Source::Syncaroo,
        "verification = \"hash\"\nserialization = \"sorted\"\nalgorithm = \"md5\"\nkey_position = \"before\"\nsecrets = S",
    ),
    (Source::Syncaroo, "verification = \"secret\"\nsecret_in = \"query\"\nsecrets = S"),
];

static VERIFICATIONS: LazyLock<Vec<Box<dyn Verification>>> =
    LazyLock::new(|| TABLES.iter().map(|(source, table)| verification(*source, table)).collect());

pub fn check(data: &[u8]) {
    let (mut headers, body) = super::sources::split(data);
    let secret = headers.remove("secret");
    for verification in VERIFICATIONS.iter() {
        for seconds in [1_793_610_000, 1_614_265_330] {
            let received_at = Timestamp::from_second(seconds).expect("a time");
            let outcome = verification.check(&UnverifiedWebhook {
                headers: &headers,
                secret: secret.as_deref(),
                body,
                received_at,
            });
            let refused = outcome.expect_err("somebody came in without the secret");
            assert!(refused.to_string().len() < 100, "the texts of errors are fixed");
        }
    }
    anybody(&headers, body);
    hashed(body);
}

fn verification(source: Source, table: &str) -> Box<dyn Verification> {
    let text =
        format!("[{}.webhook]\n{}", source.as_str(), table.replace(" = S", " = [{ env = \"A\" }]"));
    let settings: SourceSettings = toml::from_str(&text).expect("settings");
    let fetch = |_: &_| Ok(SECRET.to_vec());
    let mut keys = SecretLoader::new(&fetch);
    let verification = settings.verification(source, &mut keys).expect("a verification");
    assert!(keys.into_mistakes().concat().is_empty());
    verification
}

static HASHED: LazyLock<Vec<Box<dyn Verification>>> = LazyLock::new(|| {
    let table = "verification = \"hash\"\nalgorithm = \"sha256\"\nkey_position = \"before\"\nsecrets = S\nserialization =";
    ["compact", "sorted"]
        .map(|style| verification(Source::Syncaroo, &format!("{table} \"{style}\"")))
        .into()
});

/// Any object with the hash of its JSON form (without blanks, and with sorted keys) is accepted.
fn hashed(body: &[u8]) {
    let Ok(Value::Object(mut object)) = serde_json::from_slice(body) else { return };
    object.remove("hash");
    let text = serde_json::to_string(&object).expect("JSON");
    let digest = Sha256::new().chain_update(SECRET).chain_update(&text).finalize();
    let hash: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    object.insert("hash".to_owned(), Value::from(hash));
    let body = serde_json::to_string_pretty(&object).expect("JSON");
    for verification in HASHED.iter() {
        let webhook = UnverifiedWebhook {
            headers: &BTreeMap::new(),
            secret: None,
            body: body.as_bytes(),
            received_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(verification.check(&webhook), Ok(()), "another text was hashed than {text}");
    }
}

static ANYBODY: LazyLock<Vec<Box<dyn Verification>>> = LazyLock::new(|| {
    Source::ALL.into_iter().map(|source| verification(source, "verification = \"none\"")).collect()
});

/// Without verification, everything is accepted.
fn anybody(headers: &BTreeMap<String, String>, body: &[u8]) {
    for verification in ANYBODY.iter() {
        assert_eq!(
            verification.check(&UnverifiedWebhook {
                headers,
                secret: None,
                body,
                received_at: Timestamp::UNIX_EPOCH
            }),
            Ok(())
        );
    }
}

/// Signatures by other implementations, with a secret that none of these settings has.
pub fn seeds() -> Vec<Vec<u8>> {
    let root = super::fixtures().join("signatures");
    let mut all = Vec::new();
    for source in Source::ALL {
        for entry in std::fs::read_dir(root.join(source.as_str())).expect("vectors") {
            let path = entry.expect("a file").path();
            if path.extension().is_none_or(|extension| extension != "toml") {
                continue;
            }
            let vector = std::fs::read_to_string(&path).expect("text");
            let vector: toml::Table = toml::from_str(&vector).expect("TOML");
            let headers =
                vector.get("headers").and_then(toml::Value::as_table).into_iter().flatten();
            let mut seed: Vec<u8> = headers
                .flat_map(|(name, value)| {
                    format!("{name}: {}\n", value.as_str().unwrap_or_default()).into_bytes()
                })
                .collect();
            seed.extend_from_slice(
                format!("secret: {}\n\n", vector["secret"].as_str().expect("text")).as_bytes(),
            );
            seed.extend(std::fs::read(path.with_extension("body")).expect("a body"));
            all.push(seed);
        }
    }
    all
}
