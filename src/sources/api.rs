//! The API of a source, as requests and parsed replies. Nothing here sends anything: `upstream/` builds the
//! HTTP request for a question, and has the reply parsed. A parsed reply contains changes, further requests,
//! and the next page of a list.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::secret::{Secret, SecretLoader};
use super::{Delivery, Unreadable};
use crate::customer::model::event::EventKey;
use crate::customer::model::field_versions::FieldVersions;
use crate::customer::model::identifier::Identifier;
use crate::customer::model::record::{Change, Record};
use crate::customer::model::source::SourceKind;

/// A request to the API of a source. Equal requests share one call. Its subject may identify a person, so it is
/// never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApiRequest {
    /// The kind of request, in the vendor's words, such as `contacts`: one of a few fixed texts.
    pub what: String,
    /// The subject: an id, an address or a URL; empty for a request about everything.
    pub about: String,
    /// The page of the reply: its number or its URL; empty for the first.
    pub page: String,
}

impl ApiRequest {
    /// A request about everything.
    #[must_use]
    pub fn all(what: &str) -> Self {
        Self::about(what, "")
    }

    /// A request about one subject.
    #[must_use]
    pub fn about(what: &str, about: &str) -> Self {
        Self { what: what.to_owned(), about: about.to_owned(), page: String::new() }
    }

    /// The same request for another page.
    #[must_use]
    pub fn on_page(&self, page: impl Into<String>) -> Self {
        Self { page: page.into(), ..self.clone() }
    }
}

impl ApiRequest {
    /// The stored form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!(self)
    }

    /// Parses the stored form; `None` if no version of this program wrote it.
    #[must_use]
    pub fn of_json(json: &Value) -> Option<Self> {
        Self::deserialize(json).ok()
    }
}

impl fmt::Debug for ApiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("what", &self.what).finish_non_exhaustive()
    }
}

/// The HTTP form of a request.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// The JSON body of a POST; `None` for a GET.
    pub body: Option<Value>,
    /// Where it goes.
    pub target: Target,
    /// Whether sending it twice has the same effect as once.
    pub is_repeatable: bool,
}

/// The target of a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A path and query below the base URL of the account. It begins with a slash, and everything is encoded.
    Below(String),
    /// A whole URL that the source gave. It is only followed to an allowed origin of the account.
    Given(String),
}

impl Request {
    /// A request that changes nothing.
    #[must_use]
    pub const fn get(target: Target) -> Self {
        Self { body: None, target, is_repeatable: true }
    }
}

/// A reply: 2xx, or "not found" (404 or 410).
#[derive(Clone)]
pub struct Reply {
    /// The JSON body; null if there was none.
    pub body: Value,
    /// Whether the source answered "not found".
    pub is_missing: bool,
    /// When it arrived.
    pub received_at: Timestamp,
}

/// A parsed reply.
#[derive(Clone, Default, PartialEq)]
pub struct ParsedReply {
    /// When the request was sent. Everything in the reply is at least that recent.
    pub asked_at: Timestamp,
    /// Whether the source answered "not found".
    pub is_missing: bool,
    /// Changes of records and events.
    pub changes: Vec<Change>,
    /// Keys of the items that exist at the source, as in [`Change::keys`]: for a list, all items on the page.
    pub there: Vec<String>,
    /// The request for the next page.
    pub next: Option<ApiRequest>,
    /// Further requests that complete the data of these people.
    pub follow: Vec<ApiRequest>,
    /// Number of items in the whole list, if the source reports it.
    pub total: Option<u64>,
    /// Names of places, by id.
    pub places: Vec<Place>,
    /// Fields of events for which the reply has only the id of a place.
    pub unnamed: Vec<MissingName>,
}

impl ParsedReply {
    /// Whether the reply contains nothing usable, not even "not found".
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        let lists = [
            self.changes.is_empty(),
            self.there.is_empty(),
            self.follow.is_empty(),
            self.places.is_empty(),
        ];
        !self.is_missing && self.next.is_none() && lists.into_iter().all(|is_empty| is_empty)
    }
}

impl fmt::Debug for ParsedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard")
            .field("changes", &self.changes.len())
            .field("there", &self.there.len())
            .finish_non_exhaustive()
    }
}

/// A place of events, such as a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its id at the source.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A field of an event that needs the name of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingName {
    /// The event.
    pub event: EventKey,
    /// The field, such as `data.resource`.
    pub field: &'static str,
    /// The place's id.
    pub place: String,
    /// The request that returns the name.
    pub ask: ApiRequest,
}

/// A collection of items that an account can read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Its name in commands and settings.
    pub name: &'static str,
    /// How all items are read.
    pub traversal: Traversal,
}

/// How the items of a stream are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traversal {
    /// All pages of a list ([`ApiConnector::first`]).
    List(ListCoverage),
    /// One request for each id of stored records of some kinds ([`ApiConnector::records_of`], [`ApiConnector::each`]).
    EachRecord,
    /// One request for each stored event of a type ([`ApiConnector::each`]), such as `booking`.
    EachEvent(&'static str),
}

/// What a list contains completely. A stored item that is missing from the list was deleted, if a second
/// request confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListCoverage {
    /// Records of a kind.
    Records(SourceKind),
    /// Events of a type.
    Events(&'static str),
    /// Neither: a missing item means nothing.
    Neither,
}

/// The API of a source. The trait has no defaults: each source implements everything.
pub trait ApiConnector: Send + Sync {
    /// All streams, in the best order to read them.
    fn streams(&self) -> &'static [Stream];

    /// The kinds of record for which a stream makes single requests. An id that several records share is
    /// requested once.
    fn records_of(&self, stream: &str) -> BTreeSet<SourceKind>;

    /// The first page of a list. With `since`, only changes from that time on: `None` if the API cannot list
    /// them.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<ApiRequest>;

    /// The request for one record or event, by its id here and its stored values; `None` if there is no such
    /// request.
    fn each(&self, stream: &str, id: &str, known: &FieldVersions) -> Option<ApiRequest>;

    /// The requests that find the owner of an address; or, for a known customer, complete its data: `known` are
    /// the records of this source that the customers have. Empty if the API has no such requests.
    fn find(&self, whom: &LookupTarget, known: &[Record]) -> Vec<ApiRequest>;

    /// The request that shows whether a record still exists. It does not if the reply is "not found", or
    /// [`ParsedReply::there`] does not contain it.
    fn confirm(&self, record: &Record) -> Option<ApiRequest>;

    /// The requests that follow from a webhook.
    fn after_webhook(&self, delivery: &Delivery) -> Vec<ApiRequest>;

    /// The HTTP form of a request; `None` if it is not a request of this API.
    fn request(&self, ask: &ApiRequest) -> Option<Request>;

    /// Parses a reply.
    ///
    /// # Errors
    /// When it cannot be parsed.
    fn read(&self, ask: &ApiRequest, reply: &Reply) -> Result<ParsedReply, Unreadable>;
}

/// The subject of a lookup.
#[derive(Clone, PartialEq, Eq)]
pub enum LookupTarget {
    /// Customers with this address.
    Address(Identifier),
    /// Customers with this id.
    Id(String),
}

/// How an account's calls are authenticated.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A secret in a header of this name.
    Header(&'static str, Secret),
    /// A token that does not expire, as `Authorization: Bearer`.
    Bearer(Secret),
    /// A token that must be requested, as `Authorization: Bearer`.
    ClientCredentials(ClientCredentials),
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// The token endpoint: a path below the base URL, or a whole URL.
    pub token_url: String,
    /// The id of the client.
    pub client_id: String,
    /// The secret.
    pub client_secret: Secret,
    /// The audience of the token; empty for none.
    pub audience: String,
    /// The format of a token request.
    pub style: TokenStyle,
}

/// The format of a token request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStyle {
    /// A form, as in RFC 6749.
    #[default]
    Form,
    /// JSON.
    Json,
}

/// Read-through settings of an account, the same for every source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveSettings {
    /// When a lookup asks the source.
    pub when: LiveWhen,
    /// The maximum age of the source's data about a customer, for [`LiveWhen::Stale`].
    pub max_age_seconds: u64,
    /// How long the source is not asked again about a person that it does not know.
    pub negative_ttl_seconds: u64,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self { when: LiveWhen::Unknown, max_age_seconds: 900, negative_ttl_seconds: 300 }
    }
}

/// When a lookup asks the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveWhen {
    /// Never.
    Off,
    /// If no stored customer matches the lookup.
    Unknown,
    /// Also for a known customer, if the source was never asked about the customer, or longer than
    /// `max_age_seconds` ago.
    Stale,
}

/// The account of a brand at a source: base URL, credential, rate limit.
#[derive(Debug, Clone)]
pub struct AccountRules {
    /// Base URL of the API, without a slash at the end.
    pub base_url: String,
    /// Other origins (`https://host[:port]`) to which URLs from the source may lead.
    pub origins: Vec<String>,
    /// The credential of the calls.
    pub credential: Credential,
    /// The most calls in any minute.
    pub calls_per_minute: u32,
    /// When lookups ask this source.
    pub live: LiveSettings,
}

/// Builds the account from a source's settings; `None` if it is not connected. The loader collects mistakes, by
/// the keys of the source's `api` table.
pub trait ApiSettings {
    /// The account.
    fn account(&self, keys: &mut SecretLoader<'_>) -> Option<AccountRules>;
}

/// Whether calls may use this URL: HTTPS, or this machine; without a user, a query and a fragment.
#[must_use]
pub fn is_safe_url(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_bare && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}
