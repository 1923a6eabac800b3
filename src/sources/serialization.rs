//! The texts that common programs write for a JSON object. A sender may have signed any of them. Keys keep the
//! order and numbers keep the spelling of the body, because a new serialization could differ.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::json_text::{bare_words, with_large_numbers};

/// The serialization of an object before it was signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Serialization {
    /// Without blanks, like JavaScript's `JSON.stringify`.
    #[default]
    Compact,
    /// Like PHP's `json_encode`: `\/`, and `\u00e9` for non-ASCII characters.
    Php,
    /// Like Python's `json.dumps`: a blank after `,` and `:`, and `\u00e9` for non-ASCII characters.
    Python,
    /// Compact, with the keys of every object sorted by code point.
    Sorted,
}

impl Serialization {
    /// Every serialization.
    pub(super) const ALL: [Self; 4] = [Self::Compact, Self::Php, Self::Python, Self::Sorted];

    /// Its name in the settings.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Php => "php",
            Self::Python => "python",
            Self::Sorted => "sorted",
        }
    }
}

/// A JSON value as it was written, without its blanks and the spelling of its texts.
enum Node<'a> {
    /// A number, `true`, `false` or `null`.
    Word(&'a str),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// A JSON object whose members have unique keys and a limited depth.
pub(super) struct Object<'a>(Vec<(String, Node<'a>)>);

impl<'a> Object<'a> {
    /// Parses a body; `None` if it is no such object.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let words: Vec<&str> = bare_words(body)
            .filter_map(|(at, word)| text.get(at..at.saturating_add(word.len())))
            .collect();
        // Numbers are taken from the original text, also those that are too large for the parser.
        let plain = with_large_numbers(body, |_| b"0".to_vec());
        let mut deserializer =
            serde_json::Deserializer::from_slice(plain.as_deref().unwrap_or(body));
        let node = Reading(&mut words.into_iter()).deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        if let Node::Object(members) = node { Some(Self(members)) } else { None }
    }

    /// Removes a member, and returns its value if it is a text.
    pub(super) fn remove_text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.0.remove(at);
        if let Node::Text(text) = value { Some(text) } else { None }
    }

    /// Whether it has no members.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object as a program would write it.
    pub(super) fn text(&self, style: Serialization) -> String {
        let mut out = String::new();
        write_object(&self.0, style, &mut out);
        out
    }
}

fn write_object(members: &[(String, Node<'_>)], style: Serialization, out: &mut String) {
    let mut members: Vec<&(String, Node<'_>)> = members.iter().collect();
    if style == Serialization::Sorted {
        members.sort_by(|one, other| one.0.cmp(&other.0));
    }
    out.push('{');
    for (n, (key, value)) in members.into_iter().enumerate() {
        separate(n, style, out);
        write_text(key, style, out);
        out.push_str(if style == Serialization::Python { ": " } else { ":" });
        value.write(style, out);
    }
    out.push('}');
}

fn separate(n: usize, style: Serialization, out: &mut String) {
    match (n, style) {
        (0, _) => {}
        (_, Serialization::Python) => out.push_str(", "),
        _ => out.push(','),
    }
}

impl Node<'_> {
    /// The recursion is limited by the depth that the parser allows.
    fn write(&self, style: Serialization, out: &mut String) {
        match self {
            Self::Word(word) => out.push_str(word),
            Self::Text(text) => write_text(text, style, out),
            Self::Object(members) => write_object(members, style, out),
            Self::List(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    separate(n, style, out);
                    item.write(style, out);
                }
                out.push(']');
            }
        }
    }
}

/// All serializations write control characters, quotes and backslashes in the same way; only other characters
/// differ.
fn write_text(text: &str, style: Serialization, out: &mut String) {
    let written = serde_json::Value::from(text).to_string();
    for c in written.chars() {
        match (c, style) {
            ('/', Serialization::Php) => out.push_str("\\/"),
            ('\u{7f}', Serialization::Python) => out.push_str("\\u007f"),
            (c, Serialization::Php | Serialization::Python) if !c.is_ascii() => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            (c, _) => out.push(c),
        }
    }
}

/// Parses a value, and takes the spelling of its words from the list, which has them in the same order.
struct Reading<'w, 'a>(&'w mut std::vec::IntoIter<&'a str>);

impl<'a> Reading<'_, 'a> {
    fn word<E: Error>(self) -> Result<Node<'a>, E> {
        self.0.next().map(Node::Word).ok_or_else(|| E::custom("a word that isn't written"))
    }
}

impl<'de, 'a> DeserializeSeed<'de> for Reading<'_, 'a> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, 'a> Visitor<'de> for Reading<'_, 'a> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Node<'a>, E> {
        self.word()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Node<'a>, E> {
        self.word()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Node<'a>, E> {
        self.word()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Node<'a>, E> {
        self.word()
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'a>, E> {
        self.word()
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'a>, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<'a>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(Reading(self.0))? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    /// A repeated key is an error, because two parsers could see two different objects.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'a>, A::Error> {
        let (mut members, mut keys) = (Vec::new(), BTreeSet::new());
        while let Some(key) = map.next_key::<String>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom("a repeated key"));
            }
            members.push((key, map.next_value_seed(Reading(self.0))?));
        }
        Ok(Node::Object(members))
    }
}
