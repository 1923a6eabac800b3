//! A request of a person who may do what they ask for. Pages and acts get nothing else.

use std::sync::Arc;

use actix_web::web::Data;
use jiff::Timestamp;
use uuid::Uuid;

use super::reply::Refusal;
use super::route::ConsoleRoute;
use super::state::Console;
use crate::admin::audit::{Attribution, Via};
use crate::admin::console_access::Member;
use crate::admin::role::Role;
use crate::brand::Brand;
use crate::customer::model::record::RecordKey;
use crate::http::form::Form;
use crate::record_links::RecordLinks;
use crate::storage::pool::Pool;

/// A request of a person who may do what they ask for.
pub(super) struct Visit {
    pub(super) console: Data<Console>,
    pub(super) route: ConsoleRoute,
    pub(super) brand: Arc<Brand>,
    pub(super) member: Member,
    /// The brands for which this browser has a session, or had one.
    pub(super) other_brands: Vec<String>,
    /// The last part of the path that varies, such as the id of a review.
    pub(super) id: String,
    /// The fields of the query.
    pub(super) query: Form,
    /// The fields of the form that was sent, or that the address of a page has (`form_address.rs`).
    pub(super) form: Form,
    /// What is wrong in the form, if its page is shown again.
    pub(super) mistake: String,
}

impl Visit {
    pub(super) fn pool(&self) -> &Pool {
        &self.console.pool
    }

    pub(super) fn now(&self) -> Timestamp {
        self.console.clock.now()
    }

    /// Whether the person may do what this role may do.
    pub(super) fn may(&self, role: Role) -> bool {
        self.member.role >= role
    }

    /// Whether personal values are shown.
    pub(super) fn sees_values(&self) -> bool {
        self.may(Role::Supervisor)
    }

    /// The person, and the reason that they wrote into the form, for the audit log.
    pub(super) fn attribution(&self) -> Attribution<'_> {
        // A form with a mistake did nothing, and a page that is only read has no reason.
        let is_done = self.route.is_act() && self.mistake.is_empty();
        self.attribution_for(if is_done { self.form.value("reason") } else { "" })
    }

    /// The person, and a reason, for the audit log.
    pub(super) fn attribution_for<'a>(&'a self, reason: &'a str) -> Attribution<'a> {
        Attribution { by: &self.member.person, reason, via: Via::Console }
    }

    /// The value of a field of a form that is shown again. Empty if none is.
    pub(super) fn sent_again(&self, field: &str) -> String {
        let value = if self.mistake.is_empty() { "" } else { self.form.value(field) };
        value.to_owned()
    }

    /// A path of this brand. `path` begins with a slash.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}/{}{path}", self.console.urls.base(), self.brand.rules.slug)
    }

    /// The path of the page of a customer, by any of its records.
    pub(super) fn customer_path(&self, record: &str) -> String {
        self.path(&format!("/customers/{}", RecordLinks::new(&self.brand).path(record)))
    }

    /// The record in the path.
    ///
    /// # Errors
    /// If the path contains none.
    pub(super) fn record(&self) -> Result<RecordKey, Refusal> {
        RecordLinks::new(&self.brand).record(&self.id).ok_or(Refusal::NotFound)
    }

    /// The id in the path.
    ///
    /// # Errors
    /// If the path contains none.
    pub(super) fn uuid(&self) -> Result<Uuid, Refusal> {
        self.id.parse().map_err(|_| Refusal::NotFound)
    }
}
