//! Why a webhook fails: each mistake that senders and admins make, for each kind of verification.

use std::collections::BTreeMap;

use hookpoint::customer::model::source::Source;
use hookpoint::sources::diagnosis::explain::{Endpoint, Explanation, ReceivedRequest, explain};
use hookpoint::sources::signature::Encoding;
use hookpoint::sources::webhook::{
    OutgoingWebhook, SECRET_HEADER, SecretIn, UnverifiedWebhook, WebhookVerifier,
};
use jiff::{Timestamp, ToSpan};

use super::{NEW, OLD, OTHER, now, secrets, verification};

const BODY: &str = r#"{"id":"body-of-1","name":"Lotte/é"}"#;
const OTHER_SECRET: &str =
    "the secret differs: the request has another secret than the one in the settings";
const SECRET_DIFFERS: &str = "the secret differs: the sender used another secret than the one in the settings, or the body was changed after it was signed";

/// A verifier with one secret.
fn verifier(source: Source, way: &str, more: &str, secret: &str) -> WebhookVerifier {
    let raw = if source == Source::OmniLab && !more.contains("key_encoding") {
        "key_encoding = \"raw\"\n"
    } else {
        ""
    };
    let settings = format!("verification = \"{way}\"\n{raw}{more}\n{}", secrets(&[secret]));
    WebhookVerifier { source, verification: verification(source, &settings) }
}

/// A webhook as a sender with these settings makes it.
fn sent_at(sender: &WebhookVerifier, at: Timestamp) -> ReceivedRequest {
    let webhook = OutgoingWebhook { body: BODY.as_bytes().to_vec(), ..OutgoingWebhook::default() };
    let signed = sender.verification.sign(webhook, at).unwrap();
    let secret_in = |wanted: SecretIn| {
        signed.url_secret.clone().filter(|(place, _)| *place == wanted).map(|(_, secret)| secret)
    };
    ReceivedRequest {
        headers: signed.headers.clone(),
        path_secret: secret_in(SecretIn::Path),
        query_secret: secret_in(SecretIn::Query),
        body: signed.body.clone(),
        received_at: now(),
    }
}

fn texts(explanation: &Explanation) -> Vec<String> {
    explanation.reasons.iter().map(ToString::to_string).collect()
}

/// How a webhook differs from the one that the settings expect.
struct Case {
    source: Source,
    way: &'static str,
    /// More settings of the sender, and ours.
    settings: [&'static str; 2],
    change: fn(&mut ReceivedRequest),
    expected: Vec<String>,
    is_complete: bool,
}

fn case(
    (source, way): (Source, &'static str),
    settings: [&'static str; 2],
    change: fn(&mut ReceivedRequest),
    expected: &[&str],
) -> Case {
    let expected = expected.iter().map(|text| (*text).to_owned()).collect();
    Case { source, way, settings, change, expected, is_complete: true }
}

impl Case {
    /// The reasons are only some of all.
    fn partly(self) -> Self {
        Self { is_complete: false, ..self }
    }

    fn check(&self) {
        let sender = verifier(self.source, self.way, self.settings[0], NEW);
        let ours = verifier(self.source, self.way, self.settings[1], NEW);
        let mut request = sent_at(&sender, now());
        (self.change)(&mut request);
        let found = explain(Endpoint { brand: "shop", verifier: &ours }, &[], &request);
        let what = format!("{} {} {:?}", self.source, self.way, self.settings);
        assert_eq!(texts(&found), self.expected, "{what}");
        assert_eq!((found.verified, found.complete), (false, self.is_complete), "{what}");
        shows_nothing(&found, &request);
    }
}

/// A reason has no secret, no signature and no content.
fn shows_nothing(found: &Explanation, request: &ReceivedRequest) {
    let shown = format!("{found:?} {:?} {}", texts(found), serde_json::to_string(found).unwrap());
    let values = request.headers.values().filter(|value| value.len() > 12);
    let hidden = values.map(String::as_str).chain([NEW, OLD, OTHER, "Lotte", "body-of"]);
    for text in hidden {
        assert!(!shown.contains(text), "{text}: {shown}");
    }
}

fn header<'a>(request: &'a mut ReceivedRequest, name: &str) -> &'a mut String {
    request.headers.get_mut(name).unwrap()
}

/// Writes the signature of a header in base64 instead of hex.
fn in_base64(request: &mut ReceivedRequest, name: &str) {
    let value = header(request, name);
    *value = Encoding::Base64.encode(&Encoding::Hex.decode(value).unwrap());
}

const OMNEO: &str = "x-omneo-hmac-sha256";
const OMNEO_SIGNATURE: (Source, &str) = (Source::Omneo, "signature");
const TAP_SIGNATURE: (Source, &str) = (Source::OmnioTap, "signature");
const TAP_SECRET: (Source, &str) = (Source::OmnioTap, "secret");
const LAB: (Source, &str) = (Source::OmniLab, "signature");
const HASH: (Source, &str) = (Source::Syncaroo, "hash");
const SAME: [&str; 2] = ["", ""];

#[test]
fn mistakes_in_the_form_of_a_signature_are_named() {
    let cases = [
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| request.headers.clear(),
            &["the header x-omneo-hmac-sha256 is missing"],
        )
        .partly(),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| {
                let value = request.headers.remove(OMNEO).unwrap();
                request.headers.insert("x-omneo-hmac".to_owned(), value);
                request.headers.insert("accept".to_owned(), "*/*".to_owned());
            },
            &["the header x-omneo-hmac-sha256 is missing; similar headers: x-omneo-hmac"],
        ),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| in_base64(request, OMNEO),
            &["hex expected, this is base64"],
        ),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| {
                let value = header(request, OMNEO);
                *value = Encoding::Base64.encode(value.as_bytes());
            },
            &["hex expected, this is base64 of hex"],
        ),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| header(request, OMNEO).insert_str(0, "sha256="),
            &["the signature begins with \"sha256=\", which is not expected"],
        ),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| *header(request, OMNEO) = "none".to_owned(),
            &["x-omneo-hmac-sha256 has no signature in hex or base64"],
        )
        .partly(),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| header(request, OMNEO).truncate(60),
            &["the signature has 30 bytes; the algorithm in the settings makes 32"],
        )
        .partly(),
        case(
            TAP_SIGNATURE,
            ["", "signature_prefix = \"sha256=\""],
            |_| {},
            &["the signature does not begin with \"sha256=\""],
        ),
        case(
            TAP_SIGNATURE,
            ["", "encoding = \"base64\""],
            |_| {},
            &["base64 expected, this is hex"],
        ),
        case(
            TAP_SIGNATURE,
            ["algorithm = \"hmac-sha512\"", ""],
            |_| {},
            &["HMAC-SHA256 expected, this is HMAC-SHA512"],
        ),
        case(
            TAP_SIGNATURE,
            ["", "signature_header = \"X-Signature\""],
            |_| {},
            &["the header x-signature is missing; similar headers: x-omniotap-signature"],
        ),
        case(HASH, ["", "encoding = \"base64\""], |_| {}, &["base64 expected, this is hex"]),
        case(
            HASH,
            ["algorithm = \"md5\"", ""],
            |_| {},
            &["HMAC-SHA256 expected, this is MD5 with the key after the text"],
        ),
        case(
            HASH,
            ["algorithm = \"sha256\"", "algorithm = \"sha256\"\nkey_position = \"before\""],
            |_| {},
            &[
                "SHA-256 with the key before the text expected, this is SHA-256 with the key after the text",
            ],
        ),
    ];
    cases.iter().for_each(Case::check);
}

#[test]
fn a_body_that_is_not_the_one_that_was_signed_is_recognized() {
    let cases = [
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| request.body.push(b'\n'),
            &["the body is not the one that was signed: a line break was added at its end"],
        ),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| {
                request.body.splice(0..0, *b"\xef\xbb\xbf");
            },
            &[
                "the body is not the one that was signed: a byte order mark was added at its beginning",
            ],
        ),
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| {
                request.body = br#"{ "id": "body-of-1", "name": "Lotte\/\u00e9" }"#.to_vec();
            },
            &[
                "the body is not the one that was signed: its JSON was written again with other spaces, escapes or order",
            ],
        ),
        // Two mistakes at once.
        case(
            OMNEO_SIGNATURE,
            SAME,
            |request| {
                in_base64(request, OMNEO);
                request.body.push(b'\n');
            },
            &[
                "hex expected, this is base64",
                "the body is not the one that was signed: a line break was added at its end",
            ],
        ),
        case(OMNEO_SIGNATURE, SAME, |request| request.body = b"{}".to_vec(), &[SECRET_DIFFERS])
            .partly(),
        case(
            LAB,
            SAME,
            |request| request.body.push(b'\n'),
            &["the body is not the one that was signed: a line break was added at its end"],
        ),
        case(
            HASH,
            SAME,
            |request| request.body = b"not JSON".to_vec(),
            &["the body is not a JSON object with unique keys"],
        )
        .partly(),
        case(
            HASH,
            SAME,
            |request| request.body = b"{\"hash\":5}".to_vec(),
            &["the body has no string in its member hash"],
        )
        .partly(),
        case(
            HASH,
            ["serialization = \"php\"", ""],
            |_| {},
            &[
                "the sender signed another text than the settings say; with serialization = \"php\" the signature is right",
            ],
        ),
    ];
    cases.iter().for_each(Case::check);
}

#[test]
fn the_parts_of_standard_webhooks_are_explained() {
    let untimely = |late: i64, text: &str| {
        let verifier = verifier(Source::OmniLab, "signature", "", NEW);
        let request = sent_at(&verifier, now() + late.seconds());
        let found = explain(Endpoint { brand: "shop", verifier: &verifier }, &[], &request);
        assert_eq!((texts(&found), found.complete), (vec![text.to_owned()], true));
    };
    untimely(
        -3600,
        "the timestamp is 3600 s older than the time of receipt; allowed are 300 s. Check both clocks",
    );
    untimely(
        301,
        "the timestamp is 301 s newer than the time of receipt; allowed are 300 s. Check both clocks",
    );
    let cases = [
        case(
            LAB,
            SAME,
            |request| drop(request.headers.remove("webhook-id")),
            &["the header webhook-id is missing"],
        )
        .partly(),
        case(
            LAB,
            SAME,
            |request| {
                let value = header(request, "webhook-timestamp");
                value.push_str("000");
            },
            &["the timestamp is in milliseconds; it must be in seconds since 1970", SECRET_DIFFERS],
        )
        .partly(),
        case(
            LAB,
            SAME,
            |request| *header(request, "webhook-timestamp") = "today".to_owned(),
            &["the timestamp is not a number of seconds since 1970", SECRET_DIFFERS],
        )
        .partly(),
        case(
            LAB,
            SAME,
            |request| {
                let value = header(request, "webhook-signature");
                *value = value.replace("v1,", "");
            },
            &["no signature of version v1, such as \"v1,<base64>\""],
        ),
        case(
            LAB,
            SAME,
            |request| {
                let value = header(request, "webhook-signature");
                let digest = Encoding::Base64.decode(&value.replace("v1,", "")).unwrap();
                *value = format!("v1,{}", Encoding::Hex.encode(&digest));
            },
            &["base64 expected, this is hex"],
        ),
        case(
            LAB,
            ["signing_input = \"body\"", ""],
            |_| {},
            &[
                "the sender signed another text than the settings say; with signing_input = \"body\" the signature is right",
            ],
        ),
        case(
            LAB,
            ["", "authorization = [{ env = \"Bearer 0123456789abcdef\" }]"],
            |_| {},
            &["the header authorization is missing"],
        )
        .partly(),
        case(
            LAB,
            [
                "authorization = [{ env = \"Bearer 0123456789abcdef\" }]",
                "authorization = [{ env = \"Bearer f123456789abcdef\" }]",
            ],
            |_| {},
            &["the value of the header authorization is wrong"],
        ),
    ];
    cases.iter().for_each(Case::check);
}

#[test]
fn a_secret_at_the_wrong_place_is_found() {
    let query = "secret_in = \"query\"";
    let header = "secret_in = \"header\"";
    let cases = [
        case(
            TAP_SECRET,
            [query, ""],
            |_| {},
            &[
                "secret in the query of the URL (?token=...), but the settings expect it in the path of the URL (secret_in)",
            ],
        ),
        case(
            TAP_SECRET,
            ["", query],
            |_| {},
            &[
                "secret in the path of the URL, but the settings expect it in the query of the URL (?token=...) (secret_in)",
            ],
        ),
        case(
            TAP_SECRET,
            [header, ""],
            |_| {},
            &[
                "secret in the header x-webhook-secret, but the settings expect it in the path of the URL (secret_in)",
            ],
        ),
        case(
            TAP_SECRET,
            SAME,
            |request| request.path_secret = None,
            &["no secret in the path of the URL, where the settings expect it"],
        )
        .partly(),
        case(
            TAP_SECRET,
            SAME,
            |request| request.path_secret.as_mut().unwrap().push('\n'),
            &["the sender used the secret with a line break at its end: remove it at the source"],
        ),
        case(
            TAP_SECRET,
            SAME,
            |request| request.path_secret.as_mut().unwrap().make_ascii_uppercase(),
            &["the sender used the secret with other upper and lower case letters"],
        ),
        case(
            TAP_SECRET,
            SAME,
            |request| request.path_secret = Some(OTHER.to_owned()),
            &[OTHER_SECRET],
        )
        .partly(),
    ];
    cases.iter().for_each(Case::check);
}

/// The sender has a secret in another form than the settings.
#[test]
fn a_secret_in_another_form_is_found() {
    let as_text =
        "the sender used the secret in base64, without decoding it: the secret must not be decoded";
    for (of_sender, ours, expected) in [
        (
            format!("{NEW}\\n"),
            NEW.to_owned(),
            "the sender used the secret with a line break at its end: remove it at the source",
        ),
        (
            NEW.to_owned(),
            format!("'{NEW}' "),
            "the sender used the secret without the spaces or quotation marks around it: remove them in the settings",
        ),
        (
            NEW.to_owned(),
            Encoding::Base64.encode(NEW.as_bytes()),
            "the sender used the secret decoded from base64: the secret in the settings is base64 and must be decoded",
        ),
        (
            NEW.to_owned(),
            Encoding::Hex.encode(NEW.as_bytes()),
            "the sender used the secret decoded from hex: the secret in the settings is hex and must be decoded",
        ),
        (Encoding::Base64.encode(NEW.as_bytes()), NEW.to_owned(), as_text),
    ] {
        for (source, way) in [OMNEO_SIGNATURE, LAB, HASH] {
            let request = sent_at(&verifier(source, way, "", &of_sender), now());
            let ours = verifier(source, way, "", &ours);
            let found = explain(Endpoint { brand: "shop", verifier: &ours }, &[], &request);
            assert_eq!(
                (texts(&found), found.complete),
                (vec![expected.to_owned()], true),
                "{source}"
            );
            shows_nothing(&found, &request);
        }
    }
    let whsec = format!("whsec_{}", Encoding::Base64.encode(NEW.as_bytes()));
    let ours = verifier(Source::OmniLab, "signature", "key_encoding = \"whsec_base64\"", &whsec);
    let request = sent_at(&verifier(Source::OmniLab, "signature", "", &whsec), now());
    let found = explain(Endpoint { brand: "shop", verifier: &ours }, &[], &request);
    assert_eq!(texts(&found), [as_text], "the sender does not decode it");
}

#[test]
fn the_endpoint_or_the_secret_that_a_webhook_fits_is_named() {
    let tap = verifier(Source::OmnioTap, "signature", "", OLD);
    let omneo = verifier(Source::Omneo, "signature", "", NEW);
    let other = [Endpoint { brand: "outlet", verifier: &omneo }];
    let ours = Endpoint { brand: "shop", verifier: &tap };
    let found = explain(ours, &other, &sent_at(&omneo, now()));
    assert_eq!(
        texts(&found),
        [
            "the header x-omniotap-signature is missing",
            "it would be valid at /webhooks/outlet/omneo: it was sent to the wrong URL"
        ]
    );
    let signed_with_it = sent_at(&verifier(Source::OmnioTap, "signature", "", NEW), now());
    let found = explain(ours, &other, &signed_with_it);
    assert_eq!(texts(&found), ["the sender used the secret of omneo of the brand outlet"]);
    let open = WebhookVerifier {
        source: Source::Omneo,
        verification: verification(Source::Omneo, "verification = \"none\""),
    };
    let found = explain(ours, &[Endpoint { brand: "open", verifier: &open }], &signed_with_it);
    assert_eq!(texts(&found), [SECRET_DIFFERS], "an endpoint without verification proves nothing");
    assert!(explain(Endpoint { brand: "open", verifier: &open }, &[], &signed_with_it).verified);
}

/// The service logs the form only. The name of a header is that of the settings, and no secret decides the text.
#[test]
fn the_reason_in_the_log_is_about_the_form() {
    let parser = hookpoint::sources::SourceSettings::default();
    let logged = |verifier: &WebhookVerifier, request: &ReceivedRequest| {
        let webhook = UnverifiedWebhook {
            headers: &request.headers,
            secret: None,
            body: &request.body,
            received_at: request.received_at,
        };
        let failed = verifier.verify(parser.parser(verifier.source), &webhook).map(|_| ());
        failed.unwrap_err().to_string()
    };
    let omneo = verifier(Source::Omneo, "signature", "", NEW);
    let mut request = sent_at(&omneo, now());
    in_base64(&mut request, OMNEO);
    assert_eq!(logged(&omneo, &request), "hex expected, this is base64");
    request.headers = BTreeMap::from([("x-omneo-hmac-of-anna".to_owned(), "0".repeat(64))]);
    assert_eq!(logged(&omneo, &request), "the header x-omneo-hmac-sha256 is missing");
    let lab = verifier(Source::OmniLab, "signature", "", NEW);
    assert_eq!(
        logged(&lab, &sent_at(&lab, now() - 400.seconds())),
        "the timestamp is 400 s older than the time of receipt; allowed are 300 s. Check both clocks"
    );
    let by_other = sent_at(&verifier(Source::Omneo, "signature", "", OTHER), now());
    assert_eq!(logged(&omneo, &by_other), "the signature is wrong");
    let tap = verifier(Source::OmnioTap, "secret", "", NEW);
    request.headers.insert(SECRET_HEADER.to_owned(), NEW.to_owned());
    assert!(logged(&tap, &request).starts_with("secret in the header x-webhook-secret, but"));
}
