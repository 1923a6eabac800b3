//! The API of one source, in the requests of that source.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::http::{Reply, Request};
use super::reply::ParsedReply;
use super::request::SourceRequest;
use super::stream::Stream;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::Record;
use crate::customer::model::source::SourceKind;
use crate::sources::delivery::Delivery;
use crate::sources::unreadable::Unreadable;

/// The API of a source. The trait has no defaults: each source implements everything.
pub trait SourceApi: Send + Sync {
    /// The requests that this API has.
    type Request: SourceRequest;

    /// All streams, in the best order to read them.
    fn streams(&self) -> &'static [Stream];

    /// The kinds of record for which a stream makes single requests. An id that several records share is
    /// requested once.
    fn records_of(&self, stream: &str) -> BTreeSet<SourceKind>;

    /// The first page of a list. With `since`, only changes from that time on: `None` if the API cannot list
    /// them.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<Self::Request>;

    /// The request for one record or event, by its id here and its stored values; `None` if there is no such
    /// request.
    fn each(&self, stream: &str, id: &str, known: &FieldVersions) -> Option<Self::Request>;

    /// The requests that find the owner of an address; or, for a known customer, complete its data: `known` are
    /// the records of this source that the customers have. Empty if the API has no such requests.
    fn find(&self, target: &LookupTarget, known: &[Record]) -> Vec<Self::Request>;

    /// The request that shows whether a record still exists. It does not if the reply is "not found", or
    /// [`ParsedReply::there`] does not contain it.
    fn confirm(&self, record: &Record) -> Option<Self::Request>;

    /// The requests that follow from a webhook.
    fn after_webhook(&self, delivery: &Delivery) -> Vec<Self::Request>;

    /// The HTTP form of a request; `None` if the settings or a value in it do not allow it.
    fn request(&self, ask: &Self::Request) -> Option<Request>;

    /// Parses a reply.
    ///
    /// # Errors
    /// When it cannot be parsed.
    fn read(
        &self,
        ask: &Self::Request,
        reply: &Reply,
    ) -> Result<ParsedReply<Self::Request>, Unreadable>;
}

/// The subject of a lookup.
#[derive(Clone, PartialEq, Eq)]
pub enum LookupTarget {
    /// Customers with this address.
    Address(Identifier),
    /// Customers with this id.
    Id(String),
}
