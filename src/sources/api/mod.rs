//! The API of a source, as requests and parsed replies. Nothing here sends anything: `upstream/` builds the
//! HTTP request for a question, and has the reply parsed. A parsed reply contains changes, further requests,
//! and the next page of a list.

pub(super) mod account;
pub(super) mod connector;
pub(super) mod http;
pub(super) mod place;
pub(super) mod reply;
pub(super) mod request;
pub(super) mod source_api;
pub(super) mod source_outcomes;
pub(super) mod stream;

pub use self::account::{
    AccountRules, ApiSettings, ClientCredentials, Credential, LiveSettings, LiveWhen, TokenStyle,
};
pub use self::connector::ApiConnector;
pub use self::http::{Reply, Request, Target};
pub use self::place::Place;
pub use self::reply::{MissingName, ParsedReply};
pub use self::request::{ApiRequest, SourceRequest};
pub use self::source_api::{LookupTarget, SourceApi};
pub use self::source_outcomes::SourceOutcomes;
pub use self::stream::{ListCoverage, Stream, Traversal};
