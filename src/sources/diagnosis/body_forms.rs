//! The texts that a body may have been before a program on the way changed it.

use super::attempt::Attempt;
use super::reason::{BodyChange, Reason};
use crate::sources::serialization::{Object, Serialization};

/// The body, and the texts that it may have been. The body itself comes first.
#[must_use]
pub fn body_forms(body: &[u8]) -> Vec<Attempt<Vec<u8>>> {
    let mut forms = vec![Attempt::exact(body.to_vec())];
    let mut add = |text: Vec<u8>, change: BodyChange| {
        if forms.iter().all(|known| known.value != text) {
            forms.push(Attempt::other(text, Reason::BodyChanged { change }));
        }
    };
    let without_break =
        body.strip_suffix(b"\n").map(|body| body.strip_suffix(b"\r").unwrap_or(body));
    if let Some(body) = without_break {
        add(body.to_vec(), BodyChange::LineBreakAdded);
    } else {
        add([body, b"\n"].concat(), BodyChange::LineBreakRemoved);
        add([body, b"\r\n"].concat(), BodyChange::LineBreakRemoved);
    }
    if let Some(body) = body.strip_prefix(b"\xef\xbb\xbf") {
        add(body.to_vec(), BodyChange::ByteOrderMarkAdded);
    }
    let text = String::from_utf8_lossy(body);
    let with_lf = text.replace("\r\n", "\n");
    add(with_lf.replace('\n', "\r\n").into_bytes(), BodyChange::LineBreaksConverted);
    add(with_lf.into_bytes(), BodyChange::LineBreaksConverted);
    let object = Object::parse(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    for style in object.iter().flat_map(|_| Serialization::ALL) {
        let text = object.as_ref().map(|object| object.text(style)).unwrap_or_default();
        add(text.into_bytes(), BodyChange::JsonRewritten);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_tried_once_and_the_body_first() {
        let forms = body_forms(b"{\"b\": 1, \"a\": \"\xc3\xa9/\"}\n");
        let texts: Vec<String> =
            forms.iter().map(|form| String::from_utf8(form.value.clone()).unwrap()).collect();
        assert_eq!(
            texts,
            [
                "{\"b\": 1, \"a\": \"é/\"}\n",
                "{\"b\": 1, \"a\": \"é/\"}",
                "{\"b\": 1, \"a\": \"é/\"}\r\n",
                "{\"b\":1,\"a\":\"é/\"}",
                "{\"b\":1,\"a\":\"\\u00e9\\/\"}",
                "{\"b\": 1, \"a\": \"\\u00e9/\"}",
                "{\"a\":\"é/\",\"b\":1}",
            ]
        );
        assert!(forms[0].reasons.is_empty() && forms[1..].iter().all(|f| f.reasons.len() == 1));
    }
}
