//! The data of the four simulated systems while they run. Changes can be reported by webhook.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use serde_json::Value;

use super::object_kind::ObjectKind;
use super::page::Page;
use super::table::{Object, Table};
use super::time_format::written;
use super::webhook::{Action, Webhook};
use crate::clock::Clock;
use crate::customer::model::source::Source;

/// Reports changes of objects by webhook.
pub(super) trait ChangeListener: Send + Sync {
    /// Reports a change of an object, if its system has a webhook for it.
    fn changed(&self, world: &World, kind: ObjectKind, action: Action, object: &Value);

    /// Sends a webhook.
    fn send(&self, webhook: Webhook);
}

/// The objects of all four systems.
pub struct World {
    tables: RwLock<BTreeMap<ObjectKind, Table>>,
    listener: RwLock<Option<Arc<dyn ChangeListener>>>,
    clock: Clock,
}

impl World {
    /// A world without objects.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { tables: RwLock::default(), listener: RwLock::default(), clock }
    }

    /// The current time in the simulation.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Adds or replaces an object, without a webhook.
    pub fn put(&self, thing: ObjectKind, object: Value) {
        self.write().entry(thing).or_default().put(thing, object);
    }

    /// Removes an object, without a webhook.
    pub fn remove(&self, thing: ObjectKind, id: &str) -> Option<Value> {
        self.write().get_mut(&thing)?.remove(id).map(|object| object.value.clone())
    }

    /// Adds or replaces an object, and sends a webhook.
    pub fn change(&self, thing: ObjectKind, object: &Value) {
        let was_there = self.write().entry(thing).or_default().put(thing, object.clone());
        let action = if was_there { Action::Updated } else { Action::Created };
        self.tell(thing, action, object);
    }

    /// Changes an object, sets its time of change, and sends a webhook. Does nothing if the object does not exist.
    pub fn edit(&self, thing: ObjectKind, id: &str, edit: impl FnOnce(&mut Value)) {
        let Some(mut object) = self.get(thing, id) else { return };
        edit(&mut object);
        let at = written(thing.source(), self.now());
        let name = match thing.source() {
            Source::OmnioTap | Source::Syncaroo => "updatedAt",
            Source::Omneo | Source::OmniLab => "updated_at",
        };
        if let Some(fields) = object.as_object_mut().filter(|_| thing != ObjectKind::Appointment) {
            fields.insert(name.to_owned(), Value::from(at));
        }
        self.change(thing, &object);
    }

    /// Removes an object, and sends a webhook.
    pub fn delete(&self, thing: ObjectKind, id: &str) {
        if let Some(object) = self.remove(thing, id) {
            self.tell(thing, Action::Deleted, &object);
        }
    }

    /// Returns an object.
    #[must_use]
    pub fn get(&self, thing: ObjectKind, id: &str) -> Option<Value> {
        self.read().get(&thing)?.get(id).map(|object| object.value.clone())
    }

    /// All objects of a kind, in the order of their creation.
    #[must_use]
    pub fn all(&self, thing: ObjectKind) -> Vec<Value> {
        self.read()
            .get(&thing)
            .map(|table| table.all().iter().map(|object| object.value.clone()).collect())
            .unwrap_or_default()
    }

    /// The number of objects of a kind.
    #[must_use]
    pub fn count(&self, thing: ObjectKind) -> usize {
        self.read().get(&thing).map_or(0, |table| table.all().len())
    }

    pub(super) fn object(&self, thing: ObjectKind, id: &str) -> Option<Arc<Object>> {
        self.read().get(&thing)?.get(id).cloned()
    }

    /// The objects with a key.
    pub(super) fn by_key(&self, thing: ObjectKind, key: &str) -> Vec<Arc<Object>> {
        self.read().get(&thing).map(|table| table.by_key(key)).unwrap_or_default()
    }

    /// A page of a list: of all objects, or of those that fit.
    pub(super) fn page(
        &self,
        thing: ObjectKind,
        number: usize,
        size: usize,
        fits: Option<&dyn Fn(&Arc<Object>) -> bool>,
    ) -> Page {
        let tables = self.read();
        let all = tables.get(&thing).map(Table::all).unwrap_or_default();
        match fits {
            None => Page::of(all, number, size),
            Some(fits) => Page::of(
                &all.iter().filter(|row| fits(row)).cloned().collect::<Vec<_>>(),
                number,
                size,
            ),
        }
    }

    /// Sets the listener for later changes. `None`: no webhooks are sent.
    pub(super) fn set_listener(&self, listener: Option<Arc<dyn ChangeListener>>) {
        *self.listener.write() = listener;
    }

    pub(super) fn tell(&self, thing: ObjectKind, action: Action, object: &Value) {
        if let Some(listener) = self.listener() {
            listener.changed(self, thing, action, object);
        }
    }

    /// Sends a webhook about something that is not an object.
    pub fn send_webhook(&self, webhook: Webhook) {
        if let Some(listener) = self.listener() {
            listener.send(webhook);
        }
    }

    fn listener(&self) -> Option<Arc<dyn ChangeListener>> {
        self.listener.read().clone()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<ObjectKind, Table>> {
        self.tables.read()
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<ObjectKind, Table>> {
        self.tables.write()
    }
}
