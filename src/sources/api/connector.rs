//! The API of any source. Requests of other sources end here: a source only gets its own ones.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::http::{Reply, Request};
use super::reply::ParsedReply;
use super::request::{ApiRequest, SourceRequest};
use super::source_api::{LookupTarget, SourceApi};
use super::stream::Stream;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::delivery::Delivery;
use crate::sources::unreadable::Unreadable;

/// The API of any source: a [`SourceApi`], with the requests of all sources.
pub trait ApiConnector: Send + Sync {
    /// See [`SourceApi::streams`].
    fn streams(&self) -> &'static [Stream];

    /// See [`SourceApi::records_of`].
    fn records_of(&self, stream: &str) -> BTreeSet<SourceKind>;

    /// See [`SourceApi::first`].
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<ApiRequest>;

    /// See [`SourceApi::each`].
    fn each(&self, stream: &str, id: &str, known: &FieldVersions) -> Option<ApiRequest>;

    /// See [`SourceApi::find`].
    fn find(&self, target: &LookupTarget, known: &[Record]) -> Vec<ApiRequest>;

    /// See [`SourceApi::confirm`].
    fn confirm(&self, record: &Record) -> Option<ApiRequest>;

    /// See [`SourceApi::after_webhook`].
    fn after_webhook(&self, delivery: &Delivery) -> Vec<ApiRequest>;

    /// See [`SourceApi::request`]. `None` also for a request to another source.
    fn request(&self, ask: &ApiRequest) -> Option<Request>;

    /// See [`SourceApi::read`].
    ///
    /// # Errors
    /// When the reply cannot be parsed, or the request went to another source.
    fn read(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable>;
}

impl<A: SourceApi> ApiConnector for A {
    fn streams(&self) -> &'static [Stream] {
        SourceApi::streams(self)
    }

    fn records_of(&self, stream: &str) -> BTreeSet<SourceKind> {
        SourceApi::records_of(self, stream)
    }

    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<ApiRequest> {
        SourceApi::first(self, stream, since).map(Into::into)
    }

    fn each(&self, stream: &str, id: &str, known: &FieldVersions) -> Option<ApiRequest> {
        SourceApi::each(self, stream, id, known).map(Into::into)
    }

    fn find(&self, target: &LookupTarget, known: &[Record]) -> Vec<ApiRequest> {
        SourceApi::find(self, target, known).into_iter().map(Into::into).collect()
    }

    fn confirm(&self, record: &Record) -> Option<ApiRequest> {
        SourceApi::confirm(self, record).map(Into::into)
    }

    fn after_webhook(&self, delivery: &Delivery) -> Vec<ApiRequest> {
        SourceApi::after_webhook(self, delivery).into_iter().map(Into::into).collect()
    }

    fn request(&self, ask: &ApiRequest) -> Option<Request> {
        SourceApi::request(self, A::Request::of(ask)?)
    }

    fn read(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable> {
        let own = A::Request::of(ask).ok_or(Unreadable::Missing("known request"))?;
        SourceApi::read(self, own, reply).map(ParsedReply::of_any_source)
    }
}
