//! The forms in which a sender may have used a secret.

use super::attempt::Attempt;
use super::reason::{Reason, SecretForm};
use crate::sources::secret::Secret;
use crate::sources::signature::Encoding;

/// Prefix of a base64 key of Standard Webhooks.
const KEY_PREFIX: &str = "whsec_";

/// The least bytes of a decoded secret. Almost every short text can be decoded.
const MIN_DECODED_BYTES: usize = 8;

/// The secrets, and the other forms of each. The secrets themselves come first.
pub fn secret_forms(secrets: &[Secret]) -> Vec<Attempt<Secret>> {
    let mut forms: Vec<Attempt<Secret>> = secrets.iter().cloned().map(Attempt::exact).collect();
    for secret in secrets {
        let others = forms_of(secret.key()).into_iter().filter(|(key, _)| key != secret.key());
        forms.extend(
            others.map(|(key, form)| {
                Attempt::other(Secret::new(key), Reason::OtherSecretForm { form })
            }),
        );
    }
    forms
}

fn forms_of(key: &[u8]) -> Vec<(Vec<u8>, SecretForm)> {
    let encoded = Encoding::Base64.encode(key);
    let mut forms = vec![
        ([key, b"\n"].concat(), SecretForm::WithLineBreak),
        ([key, b"\r\n"].concat(), SecretForm::WithLineBreak),
        (format!("{KEY_PREFIX}{encoded}").into_bytes(), SecretForm::AsBase64),
        (encoded.into_bytes(), SecretForm::AsBase64),
        (key.to_ascii_lowercase(), SecretForm::OtherCase),
        (key.to_ascii_uppercase(), SecretForm::OtherCase),
    ];
    let Ok(text) = std::str::from_utf8(key) else { return forms };
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || "\"'`".contains(c));
    forms.push((trimmed.as_bytes().to_vec(), SecretForm::Trimmed));
    let mut add = |key: Option<Vec<u8>>, form| {
        forms.extend(key.filter(|key| key.len() >= MIN_DECODED_BYTES).map(|key| (key, form)));
    };
    let plain = trimmed.strip_prefix(KEY_PREFIX).unwrap_or(trimmed);
    add(Encoding::Base64.decode(plain), SecretForm::FromBase64);
    add(Encoding::Hex.decode(plain), SecretForm::FromHex);
    forms
}
