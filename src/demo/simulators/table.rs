//! The objects of one kind, in the order of their creation, which is also the order of lists.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::object_kind::{ObjectKind, PARTICIPANT};

/// An object, with derived values that every page needs.
pub(super) struct Object {
    pub(super) value: Value,
    /// The object as JSON of the API.
    pub(super) text: String,
    /// The text that `search` matches.
    pub(super) words: String,
    id: String,
    keys: Vec<String>,
}

#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Arc<Object>>,
    places: HashMap<String, usize>,
    index: HashMap<String, Vec<String>>,
}

impl Table {
    /// Adds or replaces an object. Returns whether it existed. An object without an id is ignored.
    pub(super) fn put(&mut self, kind: ObjectKind, value: Value) -> bool {
        let Some(id) = kind.id_of(&value) else { return false };
        let (text, words, keys) = (public(&value), kind.text_of(&value), kind.keys_of(&value));
        let object = Arc::new(Object { value, text, words, id: id.clone(), keys });
        let place = self.places.get(&id).copied();
        if let Some(old) = place.and_then(|place| self.rows.get(place)).cloned() {
            self.remove_keys(&old);
        }
        for key in &object.keys {
            self.index.entry(key.clone()).or_default().push(id.clone());
        }
        match place.and_then(|place| self.rows.get_mut(place)) {
            Some(row) => {
                *row = object;
                true
            }
            None => {
                self.places.insert(id, self.rows.len());
                self.rows.push(object);
                false
            }
        }
    }

    pub(super) fn remove(&mut self, id: &str) -> Option<Arc<Object>> {
        let place = self.places.remove(id)?;
        let old = self.rows.remove(place);
        self.remove_keys(&old);
        for (n, row) in self.rows.iter().enumerate().skip(place) {
            if let Some(place) = self.places.get_mut(&row.id) {
                *place = n;
            }
        }
        Some(old)
    }

    fn remove_keys(&mut self, object: &Object) {
        for key in &object.keys {
            if let Some(ids) = self.index.get_mut(key) {
                ids.retain(|id| *id != object.id);
                if ids.is_empty() {
                    self.index.remove(key);
                }
            }
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<Object>> {
        self.rows.get(*self.places.get(id)?)
    }

    pub(super) fn all(&self) -> &[Arc<Object>] {
        &self.rows
    }

    /// The objects with a key, in the order in which they got it.
    pub(super) fn by_key(&self, key: &str) -> Vec<Arc<Object>> {
        self.index.get(key).into_iter().flatten().filter_map(|id| self.get(id).cloned()).collect()
    }
}

/// The object as the API returns it, without internal fields.
fn public(value: &Value) -> String {
    match value.as_object() {
        Some(object) if object.contains_key(PARTICIPANT) => {
            let mut shown = object.clone();
            shown.remove(PARTICIPANT);
            Value::Object(shown).to_string()
        }
        _ => value.to_string(),
    }
}
