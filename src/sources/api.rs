//! A system's API, as questions and readings: nothing here sends anything. Whoever calls (`account/`) asks for the request of a
//! question and has the reply read; a reading says what changed, what else should be asked, and how a list goes on.

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

/// A question to a system's API. Equal questions are one call. What it is about may name a person, so it is never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ask {
    /// What is asked for, in the vendor's words, such as `contacts`: one of a few fixed texts.
    pub what: String,
    /// Whom or what it is about: an id, an address, a URL; empty where the question is about everything.
    pub about: String,
    /// The page of the answer: its number or its URL; empty for the first.
    pub page: String,
}

impl Ask {
    /// A question about everything.
    #[must_use]
    pub fn all(what: &str) -> Self {
        Self::about(what, "")
    }

    /// A question about somebody or something.
    #[must_use]
    pub fn about(what: &str, about: &str) -> Self {
        Self { what: what.to_owned(), about: about.to_owned(), page: String::new() }
    }

    /// The same question, for another page of the answer.
    #[must_use]
    pub fn on_page(&self, page: impl Into<String>) -> Self {
        Self { page: page.into(), ..self.clone() }
    }
}

impl Ask {
    /// As it is written down.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::json!(self)
    }

    /// As it was written down; `None` for what no version of ours writes.
    #[must_use]
    pub fn of_json(json: &Value) -> Option<Self> {
        Self::deserialize(json).ok()
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("what", &self.what).finish_non_exhaustive()
    }
}

/// How a question is put.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// What is sent with it: nothing makes it a GET, JSON a POST.
    pub body: Option<Value>,
    /// Where to.
    pub target: Target,
    /// Whether sending it twice is as good as once.
    pub is_repeatable: bool,
}

/// Where a request goes.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// A path and query below the account's base URL, beginning with a slash, everything encoded that has to be.
    Below(String),
    /// A whole URL that the source gave us: followed only to an origin of the account's.
    Given(String),
}

impl Request {
    /// A question that changes nothing.
    #[must_use]
    pub const fn get(target: Target) -> Self {
        Self { body: None, target, is_repeatable: true }
    }
}

/// What came back: 2xx, or "there is no such thing" (404 or 410).
#[derive(Clone)]
pub struct Reply {
    /// The body as JSON; null when there was none.
    pub body: Value,
    /// Whether the source said that there is no such thing.
    pub is_missing: bool,
    /// When it came.
    pub received_at: Timestamp,
}

/// What a reply says.
#[derive(Clone, Default, PartialEq)]
pub struct ParsedReply {
    /// When it was asked: everything that it says was so after that.
    pub asked_at: Timestamp,
    /// Whether it says that there is no such thing.
    pub is_missing: bool,
    /// What it says about people and what happened to them.
    pub changes: Vec<Change>,
    /// What it says there is, as [`Change::keys`] has it: of a list, everything on the page.
    pub there: Vec<String>,
    /// The question for the next page.
    pub next: Option<Ask>,
    /// What should be asked to know these people better.
    pub follow: Vec<Ask>,
    /// How many things the whole list has, where the source says so.
    pub total: Option<u64>,
    /// Names of places, by id.
    pub places: Vec<Place>,
    /// Fields of events for which the reply only has a place's id.
    pub unnamed: Vec<MissingName>,
}

impl ParsedReply {
    /// Whether nothing could be made of the answer, not even that there is no such thing.
    #[must_use]
    pub fn says_nothing(&self) -> bool {
        let lists = [self.changes.is_empty(), self.there.is_empty(), self.follow.is_empty(), self.places.is_empty()];
        !self.is_missing && self.next.is_none() && lists.into_iter().all(|is_empty| is_empty)
    }
}

impl fmt::Debug for ParsedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").field("changes", &self.changes.len()).field("there", &self.there.len()).finish_non_exhaustive()
    }
}

/// A place that events happen at, such as a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its id at the source.
    pub id: String,
    /// What people call it.
    pub name: String,
}

/// A field that should say a place's name.
#[derive(Debug, Clone, PartialEq)]
pub struct MissingName {
    /// Of which event.
    pub event: EventKey,
    /// The field, such as `data.resource`.
    pub field: &'static str,
    /// The place's id.
    pub place: String,
    /// What tells its name.
    pub ask: Ask,
}

/// Something that an account has much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Its name in commands and settings.
    pub name: &'static str,
    /// How all of it is walked through.
    pub traversal: Traversal,
}

/// How a stream is walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traversal {
    /// Page after page of a list ([`Api::first`]).
    List(ListCoverage),
    /// A question for each id of records of some kinds that are known here ([`Api::records_of`], [`Api::each`]).
    EachRecord,
    /// A question for each event of a type that is known here ([`Api::each`]), such as `booking`.
    EachEvent(&'static str),
}

/// What a list is the whole of: what is known here and not in it is gone, if another look confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListCoverage {
    /// Records of a kind.
    Records(SourceKind),
    /// Events of a type.
    Events(&'static str),
    /// Neither.
    Neither,
}

/// A connected system's API. It has no defaults: each system answers for itself.
pub trait Api: Send + Sync {
    /// What there is to walk through, in the order in which it is best done.
    fn streams(&self) -> &'static [Stream];

    /// The kinds of record that a stream asks about one by one. An id that several records have is asked about once.
    fn records_of(&self, stream: &str) -> BTreeSet<SourceKind>;

    /// The first page of a list. With `since`, of what changed from then on: `None` where the API can't tell.
    fn first(&self, stream: &str, since: Option<Timestamp>) -> Option<Ask>;

    /// What to ask about one record or event of a stream that is walked one by one, by its id here and what is known of it;
    /// `None` where it can't be asked about.
    fn each(&self, stream: &str, id: &str, known: &FieldVersions) -> Option<Ask>;

    /// What to ask to learn who has an address, or, of a customer that is known, to know more: `known` are this source's
    /// records of the customers that have it. Empty where the API can't be asked that.
    fn find(&self, whom: &LookupTarget, known: &[Record]) -> Vec<Ask>;

    /// What to ask to see whether a record still exists: the reply is missing, or [`Heard::there`] doesn't name it, when it doesn't.
    fn confirm(&self, record: &Record) -> Option<Ask>;

    /// What a webhook only hints at.
    fn after_webhook(&self, delivery: &Delivery) -> Vec<Ask>;

    /// How a question is put; `None` for one that isn't of this API.
    fn request(&self, ask: &Ask) -> Option<Request>;

    /// Reads a reply.
    ///
    /// # Errors
    /// When it can't be understood at all.
    fn read(&self, ask: &Ask, reply: &Reply) -> Result<ParsedReply, Unreadable>;
}

/// Whom a lookup asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum LookupTarget {
    /// Who has this address.
    Address(Identifier),
    /// Who or what has this id.
    Id(String),
}

/// How an account's calls prove whose they are.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A secret in a header of this name.
    Header(&'static str, Secret),
    /// A token that doesn't expire, as `Authorization: Bearer`.
    Bearer(Secret),
    /// A token that must be fetched, as `Authorization: Bearer`.
    ClientCredentials(ClientCredentials),
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4).
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// Where tokens are: a path below the base URL, or a URL of its own.
    pub token_url: String,
    /// Whose they are.
    pub client_id: String,
    /// The secret.
    pub client_secret: Secret,
    /// Whom the token is for; empty for nobody in particular.
    pub audience: String,
    /// How the token is asked for.
    pub style: TokenStyle,
}

/// How a token is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenStyle {
    /// As a form, as RFC 6749 has it.
    #[default]
    Form,
    /// As JSON.
    Json,
}

/// Settings of an account that every source has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiveSettings {
    /// When a lookup asks the source itself.
    pub when: LiveWhen,
    /// How old what the source said about a caller may be, for [`LiveWhen::Stale`].
    pub max_age_seconds: u64,
    /// For how long somebody whom the source doesn't know isn't asked about again.
    pub negative_ttl_seconds: u64,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self { when: LiveWhen::Unknown, max_age_seconds: 900, negative_ttl_seconds: 300 }
    }
}

/// When a lookup asks the source itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveWhen {
    /// Never.
    Off,
    /// When nobody is known here by what is asked for.
    Unknown,
    /// Also when the source has said nothing of whom is known, or longer than `max_age_seconds` ago.
    Stale,
}

/// An account of a brand at a source: where its API is, what proves that we may call it, and how often.
#[derive(Debug, Clone)]
pub struct AccountRules {
    /// Where the API is; it ends without a slash.
    pub base_url: String,
    /// Other origins (`https://host[:port]`) that URLs given by the source may lead to.
    pub origins: Vec<String>,
    /// What proves whose the calls are.
    pub credential: Credential,
    /// How many calls are allowed in any minute.
    pub calls_per_minute: u32,
    /// When lookups call.
    pub live: LiveSettings,
}

/// Makes an account of a source's settings; `None` where it isn't connected. The keyring collects what is wrong, by the keys of
/// the source's `api` table.
pub trait ApiSettings {
    /// The account.
    fn account(&self, keys: &mut SecretLoader<'_>) -> Option<AccountRules>;
}

/// Whether calls may go there: HTTPS, or this machine; a URL that names nobody and asks nothing.
#[must_use]
pub fn is_safe_url(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let is_here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    let is_bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    is_bare && (url.scheme() == "https" || (url.scheme() == "http" && is_here))
}
