//! Checks with a test customer, who exists at the hookpoint. The user names an address or an id of that customer.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::check::{Check, CustomerCheck, How};
use super::client::{Client, Reply};
use super::expected::Expected;
use super::target::{Target, encode};
use crate::doctor::finding::{Observation, Verdict};

/// The checks with a test customer.
pub(super) static CUSTOMER: &[Check] = &[
    customer(
        CustomerCheck::Found,
        "found",
        "Does each given address and id find a customer?",
        "Check that the customer exists there, and that addresses are compared in one format.",
    ),
    customer(
        CustomerCheck::One,
        "found-one",
        "Does each of them find exactly one customer?",
        "Merge the duplicates: Omnidesk may show none of them. A primaryID finds one customer at most.",
    ),
    customer(
        CustomerCheck::Same,
        "found-same",
        "Do all of them find the same customer?",
        "Merge the customers that are one person, or give the test customer's own addresses.",
    ),
    customer(
        CustomerCheck::CustomerId,
        "found-by-customer-id",
        "Does the customerID of the answer find the customer as primaryID?",
        "Accept each customerID that you have sent as a primaryID.",
    ),
    customer(
        CustomerCheck::Spelling,
        "found-in-capitals",
        "Does the e-mail address in capital letters find the customer?",
        "Treat capital and small letters in e-mail addresses as equal.",
    ),
    customer(
        CustomerCheck::OwnAddress,
        "found-address",
        "Does the answer contain the address that was asked for?",
        "List every address of the customer in addresses.",
    ),
];

const fn customer(
    check: CustomerCheck,
    id: &'static str,
    question: &'static str,
    remedy: &'static str,
) -> Check {
    Check { id, question, how: How::Customer(check), remedy }
}

/// The reason why a check was skipped.
pub(super) const NOT_GIVEN: &str = "no test customer: add --email, --phone or --id";

/// A customer who exists at the hookpoint: an e-mail address, a phone number, an id.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct TestCustomer {
    pub email: Option<String>,
    pub phone: Option<String>,
    pub id: Option<String>,
}

impl fmt::Debug for TestCustomer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestCustomer([redacted])")
    }
}

impl TestCustomer {
    /// Whether the user named one.
    pub(super) const fn is_given(&self) -> bool {
        self.email.is_some() || self.phone.is_some() || self.id.is_some()
    }
}

/// What was asked about the test customer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Email,
    Phone,
    Id,
}

/// The replies to the lookups of the test customer.
pub(super) struct FoundCustomers {
    replies: Vec<(By, Reply)>,
}

impl TestCustomer {
    /// Looks up the customer by each address and id.
    pub(super) async fn look_up(&self, client: &Client, target: &Target) -> FoundCustomers {
        let mut replies = Vec::new();
        for (by, value) in [(By::Email, &self.email), (By::Phone, &self.phone), (By::Id, &self.id)]
        {
            if let Some(value) = value {
                let url = target.with_query(&query(by, value));
                replies.push((by, client.get(url).await));
            }
        }
        FoundCustomers { replies }
    }

    /// Answers a check.
    pub(super) async fn check(
        &self,
        check: CustomerCheck,
        found: &FoundCustomers,
        client: &Client,
        target: &Target,
    ) -> Observation {
        match check {
            _ if found.replies.is_empty() => Observation::skipped(NOT_GIVEN),
            CustomerCheck::Found => found.is_found(),
            _ if found.customers().is_empty() => Observation::skipped("nobody was found"),
            CustomerCheck::One => found.is_one(),
            CustomerCheck::Same => found.is_same(),
            CustomerCheck::CustomerId => {
                let Some(id) = found.ids().first().cloned() else {
                    return Observation::skipped("the answer has no customerID");
                };
                let url = target.with_query(&query(By::Id, &id));
                finds(&client.get(url).await, &id)
            }
            CustomerCheck::Spelling => {
                let (Some(email), Some(id)) = (&self.email, found.ids_by(By::Email).pop()) else {
                    return Observation::skipped("no customer was found by --email");
                };
                let url = target.with_query(&query(By::Email, &email.to_uppercase()));
                finds(&client.get(url).await, &id)
            }
            CustomerCheck::OwnAddress => self.own_address(found),
        }
    }

    fn own_address(&self, found: &FoundCustomers) -> Observation {
        let own = [(By::Email, &self.email), (By::Phone, &self.phone)];
        let given: Vec<_> =
            own.into_iter().filter_map(|(by, own)| Some((by, own.as_ref()?))).collect();
        let is_missing = given.iter().any(|(by, own)| {
            let customers = found.customers_by(*by);
            let lists: Vec<&Vec<Value>> = customers.iter().filter_map(addresses_of).collect();
            !lists.is_empty() && !lists.iter().any(|list| has_address(list, own))
        });
        if given.is_empty() {
            Observation::skipped("neither --email nor --phone is given")
        } else if is_missing {
            Observation::warn("the address is not in addresses")
        } else {
            Observation::pass("it does")
        }
    }
}

/// The query of a lookup.
fn query(by: By, value: &str) -> String {
    let value = encode(value);
    match by {
        By::Email => format!("{{key}}&channelAddressType=email&address={value}"),
        By::Phone => format!("{{key}}&channelAddressType=phoneNumber&address={value}"),
        By::Id => format!("{{key}}&primaryID={value}"),
    }
}

/// Whether a reply has the customer with an id.
fn finds(reply: &Reply, id: &str) -> Observation {
    let judged = Expected::Answer.judge(reply);
    if judged.verdict != Verdict::Pass {
        return judged;
    }
    let customers = reply.as_ref().ok().and_then(|response| response.customers());
    if customers.unwrap_or_default().iter().any(|customer| id_of(customer).as_deref() == Some(id)) {
        Observation::pass("the same customer")
    } else {
        Observation::fail("not found, or another customer")
    }
}

fn addresses_of(customer: &Value) -> Option<&Vec<Value>> {
    customer.get("addresses")?.as_array()
}

fn has_address(addresses: &[Value], own: &str) -> bool {
    let texts = addresses.iter().filter_map(|address| address.get("address")?.as_str());
    texts.map(str::to_lowercase).any(|address| address == own.to_lowercase())
}

/// The id of a customer. A number counts as its text.
fn id_of(customer: &Value) -> Option<String> {
    match customer.get("customerID")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

impl FoundCustomers {
    /// All customers that were found. The same one may be there several times.
    pub(super) fn customers(&self) -> Vec<Value> {
        self.replies.iter().flat_map(|(_, reply)| customers_of(reply)).collect()
    }

    /// Whether the user named a test customer.
    pub(super) const fn is_asked(&self) -> bool {
        !self.replies.is_empty()
    }

    fn customers_by(&self, wanted: By) -> Vec<Value> {
        let replies = self.replies.iter().filter(|(by, _)| *by == wanted);
        replies.flat_map(|(_, reply)| customers_of(reply)).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.customers().iter().filter_map(id_of).collect()
    }

    fn ids_by(&self, by: By) -> Vec<String> {
        self.customers_by(by).iter().filter_map(id_of).collect()
    }

    fn is_found(&self) -> Observation {
        for (by, reply) in &self.replies {
            let judged = Expected::Answer.judge(reply);
            if judged.verdict != Verdict::Pass {
                return judged;
            }
            if customers_of(reply).is_empty() {
                return Observation::fail(format!("the {} finds nobody", by.as_str()));
            }
        }
        Observation::pass("all of them do")
    }

    fn is_one(&self) -> Observation {
        let several = self.replies.iter().find(|(_, reply)| customers_of(reply).len() > 1);
        match several {
            None => Observation::pass("one customer"),
            Some((By::Id, _)) => Observation::fail("the id finds several customers"),
            Some((by, _)) => Observation::warn(format!("the {} finds several", by.as_str())),
        }
    }

    fn is_same(&self) -> Observation {
        let groups = self.replies.iter().map(|(_, reply)| {
            customers_of(reply).iter().filter_map(id_of).collect::<BTreeSet<String>>()
        });
        // Whether somebody was found is another check's matter.
        let groups: Vec<BTreeSet<String>> = groups.filter(|ids| !ids.is_empty()).collect();
        let Some((first, others)) = groups.split_first().filter(|(_, others)| !others.is_empty())
        else {
            return Observation::skipped("fewer than two addresses and ids find a customer");
        };
        if first.iter().any(|id| others.iter().all(|ids| ids.contains(id))) {
            Observation::pass("the same customer")
        } else {
            Observation::fail("different customers")
        }
    }
}

impl By {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Phone => "phone number",
            Self::Id => "id",
        }
    }
}

fn customers_of(reply: &Reply) -> Vec<Value> {
    reply.as_ref().ok().and_then(|response| response.customers()).unwrap_or_default()
}
