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
    fn changed(&self, data: &SimulatedData, kind: ObjectKind, action: Action, object: &Value);

    /// Sends a webhook.
    fn send(&self, webhook: Webhook);
}

/// The objects of all four systems.
pub struct SimulatedData {
    tables: RwLock<BTreeMap<ObjectKind, Table>>,
    listener: RwLock<Option<Arc<dyn ChangeListener>>>,
    clock: Clock,
}

impl SimulatedData {
    /// No objects yet.
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
    pub fn put(&self, kind: ObjectKind, object: Value) {
        self.write().entry(kind).or_default().put(kind, object);
    }

    /// Removes an object, without a webhook.
    pub fn remove(&self, kind: ObjectKind, id: &str) -> Option<Value> {
        self.write().get_mut(&kind)?.remove(id).map(|object| object.value.clone())
    }

    /// Adds or replaces an object, and sends a webhook.
    pub fn change(&self, kind: ObjectKind, object: &Value) {
        let was_there = self.write().entry(kind).or_default().put(kind, object.clone());
        let action = if was_there { Action::Updated } else { Action::Created };
        self.report_change(kind, action, object);
    }

    /// Changes an object, sets its time of change, and sends a webhook. Does nothing if the object does not exist.
    pub fn edit(&self, kind: ObjectKind, id: &str, edit: impl FnOnce(&mut Value)) {
        let Some(mut object) = self.get(kind, id) else { return };
        edit(&mut object);
        let at = written(kind.source(), self.now());
        let name = match kind.source() {
            Source::OmnioTap | Source::Syncaroo => "updatedAt",
            Source::Omneo | Source::OmniLab => "updated_at",
        };
        if let Some(fields) = object.as_object_mut().filter(|_| kind != ObjectKind::Appointment) {
            fields.insert(name.to_owned(), Value::from(at));
        }
        self.change(kind, &object);
    }

    /// Removes an object, and sends a webhook.
    pub fn delete(&self, kind: ObjectKind, id: &str) {
        if let Some(object) = self.remove(kind, id) {
            self.report_change(kind, Action::Deleted, &object);
        }
    }

    /// Returns an object.
    #[must_use]
    pub fn get(&self, kind: ObjectKind, id: &str) -> Option<Value> {
        self.read().get(&kind)?.get(id).map(|object| object.value.clone())
    }

    /// All objects of a kind, in the order of their creation.
    #[must_use]
    pub fn all(&self, kind: ObjectKind) -> Vec<Value> {
        self.read()
            .get(&kind)
            .map(|table| table.all().iter().map(|object| object.value.clone()).collect())
            .unwrap_or_default()
    }

    /// The number of objects of a kind.
    #[must_use]
    pub fn count(&self, kind: ObjectKind) -> usize {
        self.read().get(&kind).map_or(0, |table| table.all().len())
    }

    pub(super) fn object(&self, kind: ObjectKind, id: &str) -> Option<Arc<Object>> {
        self.read().get(&kind)?.get(id).cloned()
    }

    /// The objects with a key.
    pub(super) fn by_key(&self, kind: ObjectKind, key: &str) -> Vec<Arc<Object>> {
        self.read().get(&kind).map(|table| table.by_key(key)).unwrap_or_default()
    }

    /// A page of a list: of all objects, or of those that fit.
    pub(super) fn page(
        &self,
        kind: ObjectKind,
        number: usize,
        size: usize,
        fits: Option<&dyn Fn(&Arc<Object>) -> bool>,
    ) -> Page {
        let tables = self.read();
        let all = tables.get(&kind).map(Table::all).unwrap_or_default();
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

    pub(super) fn report_change(&self, kind: ObjectKind, action: Action, object: &Value) {
        if let Some(listener) = self.listener() {
            listener.changed(self, kind, action, object);
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
