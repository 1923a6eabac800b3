//! Estimates the memory of JSON before it is parsed: text of small objects takes a hundred times its own
//! length.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Bytes for a value in a list or an object.
const VALUE: usize = 32;

/// Bytes for up to this many members of an object.
const MEMBERS: usize = 640;
const MEMBERS_TOGETHER: usize = 6;

/// Overhead of an allocation.
const ALLOCATION: usize = 16;

/// The estimated memory of a parsed body in bytes, rather too high; `None` if it is more than `most`. For a
/// body that is not JSON, only the part before the fault counts.
#[must_use]
pub fn weight(body: &[u8], most: usize) -> Option<usize> {
    let mut scale = Scale { sum: 0, most };
    let _ = Weighing(&mut scale).deserialize(&mut serde_json::Deserializer::from_slice(body));
    (scale.sum <= most).then_some(scale.sum)
}

struct Scale {
    sum: usize,
    most: usize,
}

impl Scale {
    fn add<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.sum = self.sum.saturating_add(bytes);
        if self.sum > self.most { Err(E::custom("too heavy")) } else { Ok(()) }
    }
}

struct Weighing<'a>(&'a mut Scale);

impl<'de> DeserializeSeed<'de> for Weighing<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Weighing<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.add(VALUE)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.0.add(VALUE)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.0.add(VALUE)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.0.add(VALUE)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.0.add(VALUE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.add(VALUE.saturating_add(ALLOCATION).saturating_add(text.len()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let scale = self.0;
        scale.add(VALUE.saturating_add(ALLOCATION))?;
        // A growing list allocates up to twice the memory of its items.
        while items.next_element_seed(Weighing(scale))?.is_some() {
            scale.add(VALUE)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let scale = self.0;
        scale.add(VALUE)?;
        let mut number = 0_usize;
        while members.next_key_seed(Weighing(scale))?.is_some() {
            if number.is_multiple_of(MEMBERS_TOGETHER) {
                scale.add(MEMBERS)?;
            }
            number = number.saturating_add(1);
            members.next_value_seed(Weighing(scale))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_objects_weigh_a_hundred_times_their_text() {
        let body = format!("[{}{{}}]", "{\"\":0},".repeat(10_000));
        let whole = weight(body.as_bytes(), usize::MAX).unwrap();
        assert!((60..140).contains(&(whole / body.len())), "{}", whole / body.len());
        assert_eq!(weight(body.as_bytes(), whole - 1), None);
        assert_eq!(weight(body.as_bytes(), whole), Some(whole));
    }

    #[test]
    fn what_is_ordinary_weighs_little() {
        let page = format!(
            "{{\"data\":[{}{{}}]}}",
            "{\"id\":\"p-12345\",\"first_name\":\"Anna\",\"email\":\"anna@example.org\",\"points\":12},".repeat(100)
        );
        assert!(weight(page.as_bytes(), 200_000).is_some());
        assert_eq!(weight(b"{ broken", 100), Some(VALUE));
    }
}
