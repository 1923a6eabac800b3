//! Lookups of the customers in [`customers`](super::customers), with a check of each answer.

use std::io::Write;

use super::KEY;
use super::client::{Answer, RequestGenerator};
use super::customers::{email, phone, shuffled};

/// The people that are looked up.
#[derive(Clone, Copy)]
pub enum LookupTarget {
    /// One customer, by e-mail address, repeatedly.
    One(u64),
    /// Another one of this many customers each time, in a random order.
    Each(u64),
    /// This many customers by e-mail address, then by phone number, then people who do not exist. No lookup is
    /// repeated.
    Everybody(u64),
    /// People who do not exist.
    Nobody,
}

/// Sends lookups, and checks that the answer is about the right customer.
pub struct Lookups {
    target: LookupTarget,
    head: Vec<u8>,
    expected: Vec<u8>,
}

/// The kind of answer that a lookup expects.
enum Question {
    Email(u64),
    Phone(u64),
    Nobody(u64),
}

impl Lookups {
    pub fn new(target: LookupTarget) -> Self {
        let head =
            format!("GET /omnidesk/customerlookup?key={KEY}&channelAddressType=").into_bytes();
        Self { target, head, expected: Vec::new() }
    }

    const fn is_about(customer: u64, of: u64) -> Question {
        if customer < of {
            Question::Email(customer)
        } else if customer < of * 2 {
            Question::Phone(customer - of)
        } else {
            Question::Nobody(customer)
        }
    }

    fn question(&self, n: u64) -> Question {
        match self.target {
            LookupTarget::One(customer) => Question::Email(customer),
            LookupTarget::Each(of) => Question::Email(shuffled(n, of)),
            LookupTarget::Everybody(of) => Self::is_about(n, of),
            LookupTarget::Nobody => Question::Nobody(n),
        }
    }
}

impl RequestGenerator for Lookups {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        request.extend_from_slice(&self.head);
        let _ = match self.question(n) {
            Question::Email(customer) => write!(request, "email&address=c{customer}%40example.org"),
            Question::Phone(customer) => {
                write!(request, "phoneNumber&address=%2B{}", &phone(customer)[1..])
            }
            Question::Nobody(number) => {
                write!(request, "email&address=nobody{number}%40example.org")
            }
        };
        request.extend_from_slice(b" HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }

    /// An answer begins with the customer's e-mail address, which is unique.
    fn is_right(&mut self, n: u64, answer: &Answer<'_>) -> bool {
        let (Question::Email(customer) | Question::Phone(customer)) = self.question(n) else {
            return answer.status == 200 && answer.body == b"[]";
        };
        self.expected.clear();
        let _ = write!(self.expected, "[{{\"addresses\":[{{\"address\":\"{}\"", email(customer));
        answer.status == 200
            && answer.body.starts_with(&self.expected)
            && answer.body.ends_with(b"}]}]")
    }
}

/// Sends the same lookups, and expects the exact bytes of the answer.
pub struct Exactly {
    pub lookups: Lookups,
    pub body: Vec<u8>,
}

impl RequestGenerator for Exactly {
    fn ask(&mut self, n: u64, request: &mut Vec<u8>) {
        self.lookups.ask(n, request);
    }

    fn is_right(&mut self, _: u64, answer: &Answer<'_>) -> bool {
        answer.status == 200 && answer.body == self.body
    }
}
