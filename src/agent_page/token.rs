//! Tokens: what a link to the agent page, and the cookie of a browser that opened one, carry. Nothing is stored: a token says
//! for which customer, until when and of which generation it is, and a MAC proves that this service made it.
//!
//! `<customer>.<numbers and MAC>`: the key of the customer's first record is encrypted, so a token says nothing of a person.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::links::{AgentLinks, Target};
use crate::brand::Brand;
use crate::customer::answer::agent_page::SHOWN;
use crate::customer::model::record::RecordKey;
use crate::record_links::RecordLinks;

/// Links of the same day are equal, so equal answers are equal texts.
const BUCKET_SECONDS: i64 = 24 * 3_600;

/// How long a browser that opened a link may look at the customer.
pub const COOKIE_MINUTES: i64 = 30;

/// The longest token, in bytes. An id has at most 1,000 bytes.
const MAX_TOKEN: usize = 2_048;

/// The bytes of the MAC that a token has: 128 bits.
const MAC_BYTES: usize = 16;

/// What a token is for. Each has a key of its own, so none can stand for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Link,
    Cookie,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Link => "agent page: link",
            Self::Cookie => "agent page: cookie",
        }
    }
}

/// What a valid token says.
pub(super) struct Opened {
    pub(super) brand: Arc<Brand>,
    /// A record of the customer. Whoever has it now is the customer.
    pub(super) record: RecordKey,
    pub(super) generation: i32,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invalid {
    /// This service did not make it.
    Forged,
    /// Its time is over, or the page is off now.
    Expired,
}

/// The link to the agent page of a customer, by the key of its first record. Only the running service gives out links: a
/// command shows a text in their place.
#[must_use]
pub fn link(brand: &Brand, customer_key: &str) -> String {
    let Some(links) = &brand.agent_links else { return SHOWN.to_owned() };
    match &links.target {
        Target::AgentPage { url, days } => {
            let expires_at = expires_at(links, *days);
            format!(
                "{url}#{}",
                seal(brand, Purpose::Link, customer_key, (links.generation(), expires_at))
            )
        }
        Target::Console { url } => {
            format!("{url}/{}", RecordLinks::new(brand).path(customer_key))
        }
    }
}

/// The end of the day on which a new link ends.
fn expires_at(links: &AgentLinks, days: u32) -> i64 {
    let today = links.clock.now().as_second().div_euclid(BUCKET_SECONDS);
    let last = today.saturating_add(i64::from(days)).saturating_add(1);
    last.saturating_mul(BUCKET_SECONDS)
}

/// Makes a token.
pub(super) fn seal(
    brand: &Brand,
    purpose: Purpose,
    record: &str,
    (generation, expires_at): (i32, i64),
) -> String {
    let customer = RecordLinks::new(brand).path(record);
    let numbers = numbers(brand, generation, expires_at);
    let mac = mac(brand, purpose, &numbers, &customer);
    let sealed = URL_SAFE_NO_PAD.encode([numbers.as_slice(), &mac].concat());
    format!("{customer}.{sealed}")
}

/// Opens a token that one of these brands made.
pub(super) fn open(
    brands: &HashMap<i32, Arc<Brand>>,
    purpose: Purpose,
    token: &str,
    now: Timestamp,
) -> Result<Opened, Invalid> {
    let read = parse(token).and_then(|token| Some((brands.get(&token.brand_id)?, token)));
    let (brand, token) = read.ok_or(Invalid::Forged)?;
    let numbers = numbers(brand, token.generation, token.expires_at);
    let expected = mac(brand, purpose, &numbers, token.customer);
    if !bool::from(expected.ct_eq(&token.mac)) {
        return Err(Invalid::Forged);
    }
    let record = RecordLinks::new(brand).record(token.customer).ok_or(Invalid::Forged)?;
    let is_on = brand.agent_links.as_ref().is_some_and(AgentLinks::open_agent_page);
    if !is_on || token.expires_at <= now.as_second() {
        return Err(Invalid::Expired);
    }
    Ok(Opened { brand: Arc::clone(brand), record, generation: token.generation })
}

/// The part of the page's path that stands for a customer. It is another one for every customer, and so is the cookie: two
/// pages in one browser do not mix.
pub(super) fn view_id(brand: &Brand, record: &RecordKey) -> String {
    let id = keyed(brand, "agent page: view", record.to_string().as_bytes());
    URL_SAFE_NO_PAD.encode(id.get(..MAC_BYTES).unwrap_or(&id))
}

/// A token that was read, but not checked.
struct Unchecked<'a> {
    customer: &'a str,
    brand_id: i32,
    generation: i32,
    expires_at: i64,
    mac: [u8; MAC_BYTES],
}

fn parse(token: &str) -> Option<Unchecked<'_>> {
    let (customer, sealed) =
        Some(token).filter(|token| token.len() <= MAX_TOKEN)?.split_once('.')?;
    let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (brand_id, rest) = bytes.split_first_chunk::<4>()?;
    let (generation, rest) = rest.split_first_chunk::<4>()?;
    let (expires_at, rest) = rest.split_first_chunk::<8>()?;
    Some(Unchecked {
        customer,
        brand_id: i32::from_be_bytes(*brand_id),
        generation: i32::from_be_bytes(*generation),
        expires_at: i64::from_be_bytes(*expires_at),
        mac: rest.try_into().ok()?,
    })
}

fn numbers(brand: &Brand, generation: i32, expires_at: i64) -> Vec<u8> {
    let (brand_id, generation) = (brand.id().to_be_bytes(), generation.to_be_bytes());
    [brand_id.as_slice(), &generation, &expires_at.to_be_bytes()].concat()
}

/// The MAC of a token. The numbers have a fixed length, so nothing can move from them to the customer.
fn mac(brand: &Brand, purpose: Purpose, numbers: &[u8], customer: &str) -> [u8; MAC_BYTES] {
    let whole = keyed(brand, purpose.name(), &[numbers, customer.as_bytes()].concat());
    let mut mac = [0; MAC_BYTES];
    mac.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
    mac
}

/// HMAC-SHA256 with a key for one use, which is derived from the brand's secret.
fn keyed(brand: &Brand, usage: &str, message: &[u8]) -> [u8; 32] {
    hmac(&hmac(&brand.secret.0, usage.as_bytes()), message)
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes a key of any length, so there is no error.
    let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}
