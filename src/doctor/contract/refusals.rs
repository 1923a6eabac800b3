//! Checks of requests that the server must reject: malformed values, missing parameters, wrong keys, other methods.

use reqwest::Method;

use super::check::{Check, How, request};
use super::expected::Expected::{
    BadRequest, BadRequestOrNobody, MethodNotAllowed, TooLong, WrongKey,
};

const PHONE: &str = "Answer 400 unless the number is in E.164 format: a plus and the whole number.";
const EMAIL: &str = "Answer 400 unless the value is one e-mail address.";
const PARAMETERS: &str =
    "Answer 400 unless there is exactly one channelAddressType and address, or one primaryID.";
const MALFORMED: &str = "Answer 400 if the query cannot be decoded.";
const KEY: &str = "Answer 401, or 400, and no customer. Compare the whole key, exactly.";
const METHOD: &str = "Answer 405 with the header Allow: GET, HEAD.";

/// The checks of requests that the server must reject.
pub(super) static REFUSALS: &[Check] = &[
    request(
        "phone-00",
        "Is a phone number with 00 instead of the plus rejected?",
        "{key}&channelAddressType=phoneNumber&address=00447700900123",
        BadRequest,
        PHONE,
    ),
    request(
        "phone-national",
        "Is a phone number without country code rejected?",
        "{key}&channelAddressType=phoneNumber&address=07700900123",
        BadRequest,
        PHONE,
    ),
    request(
        "phone-without-plus",
        "Is a phone number without plus rejected?",
        "{key}&channelAddressType=phoneNumber&address=447700900123",
        BadRequest,
        PHONE,
    ),
    request(
        "phone-long",
        "Is a phone number with more than 15 digits rejected?",
        "{key}&channelAddressType=phoneNumber&address=%2B4477009001234567",
        BadRequest,
        PHONE,
    ),
    request(
        "phone-text",
        "Is a placeholder instead of a phone number rejected?",
        "{key}&channelAddressType=phoneNumber&address=%5BNumber%5D",
        BadRequest,
        PHONE,
    ),
    request(
        "phone-is-email",
        "Is an e-mail address instead of a phone number rejected?",
        "{key}&channelAddressType=phoneNumber&address=hookpoint-doctor%40example.org",
        BadRequest,
        PHONE,
    ),
    request(
        "email-text",
        "Is a placeholder instead of an e-mail address rejected?",
        "{key}&channelAddressType=email&address=%7B%7Baddress%7D%7D",
        BadRequest,
        EMAIL,
    ),
    request(
        "email-domain",
        "Is an e-mail address without domain rejected?",
        "{key}&channelAddressType=email&address=hookpoint-doctor%40",
        BadRequest,
        EMAIL,
    ),
    request(
        "email-several",
        "Are two e-mail addresses in one parameter rejected?",
        "{key}&channelAddressType=email&address=one%40example.org%2Ctwo%40example.org",
        BadRequest,
        EMAIL,
    ),
    request(
        "email-control",
        "Is an e-mail address with a control character rejected?",
        "{key}&channelAddressType=email&address=hookpoint%00doctor%40example.org",
        BadRequest,
        EMAIL,
    ),
    request(
        "email-is-phone",
        "Is a phone number instead of an e-mail address rejected?",
        "{key}&channelAddressType=email&address=%2B447700900123",
        BadRequest,
        EMAIL,
    ),
    request(
        "id-control",
        "Does a primaryID with a control character find nobody?",
        "{key}&primaryID=hookpoint%00doctor",
        BadRequestOrNobody,
        "Answer 400 or [].",
    ),
    request(
        "percent-broken",
        "Is a percent sign without two hexadecimal digits rejected?",
        "{key}&channelAddressType=email&address=hookpoint%zz%40example.org",
        BadRequest,
        MALFORMED,
    ),
    request(
        "utf8-broken",
        "Are bytes that are not UTF-8 rejected?",
        "{key}&channelAddressType=email&address=hookpoint%FF%40example.org",
        BadRequest,
        MALFORMED,
    ),
    request(
        "query-long",
        "Is a query of more than 8,000 bytes rejected?",
        "{key}&{email}&hookpointDoctor={long}",
        TooLong,
        "Answer 400 or 414. Limit the length of queries.",
    ),
    request(
        "parameters-missing",
        "Is a lookup without address and id rejected?",
        "{key}",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "type-missing",
        "Is a lookup without channelAddressType rejected?",
        "{key}&address=hookpoint-doctor%40example.org",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "address-missing",
        "Is a lookup without address rejected?",
        "{key}&channelAddressType=email",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "address-empty",
        "Is an empty address rejected?",
        "{key}&channelAddressType=email&address=",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "id-empty",
        "Is an empty primaryID rejected?",
        "{key}&primaryID=",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "type-unknown",
        "Is an unknown channelAddressType rejected?",
        "{key}&channelAddressType=telephone&address=%2B447700900123",
        BadRequest,
        "Answer 400 unless channelAddressType is phoneNumber or email.",
    ),
    request(
        "type-repeated",
        "Is a repeated channelAddressType rejected?",
        "{key}&channelAddressType=phoneNumber&{email}",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "address-repeated",
        "Is a repeated address rejected?",
        "{key}&{email}&address=doctor-two%40example.org",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "id-repeated",
        "Is a repeated primaryID rejected?",
        "{key}&{id}&primaryID=hookpoint-doctor-two",
        BadRequest,
        PARAMETERS,
    ),
    request(
        "both-forms",
        "Is a lookup by address and by id at once rejected?",
        "{key}&{email}&{id}",
        BadRequest,
        PARAMETERS,
    ),
    request("key-missing", "Is a lookup without key rejected?", "{email}", WrongKey, KEY),
    request("key-empty", "Is an empty key rejected?", "{name}=&{email}", WrongKey, KEY),
    request(
        "key-wrong",
        "Is a wrong key rejected?",
        "{name}=hookpoint-doctor-wrong-key&{email}",
        WrongKey,
        KEY,
    ),
    request(
        "key-longer",
        "Is the key rejected if a letter follows it?",
        "{name}={value}x&{email}",
        WrongKey,
        KEY,
    ),
    request("key-repeated", "Are two keys rejected?", "{key}&{key}&{email}", WrongKey, KEY),
    request("key-bytes", "Is a key of odd bytes rejected?", "{name}=%FF%00&{email}", WrongKey, KEY),
    request(
        "key-wrong-malformed",
        "Is a wrong key rejected if the parameters are malformed too?",
        "{name}=hookpoint-doctor-wrong-key&address=",
        WrongKey,
        "Check the key first: strangers learn nothing from errors, and cause no work.",
    ),
    method("method-post", "Is POST rejected with 405?", Method::POST),
    method("method-put", "Is PUT rejected with 405?", Method::PUT),
    method("method-delete", "Is DELETE rejected with 405?", Method::DELETE),
    Check {
        id: "allow",
        question: "Does a rejected method get the header Allow?",
        how: How::Allow,
        remedy: METHOD,
    },
    Check {
        id: "unknown-path",
        question: "Does a path that does not exist answer 404?",
        how: How::UnknownPath,
        remedy: "Answer 404 on other paths. Let only the documented path look up customers.",
    },
];

const fn method(id: &'static str, question: &'static str, method: Method) -> Check {
    Check {
        id,
        question,
        how: How::Request(method, "{key}&{email}", MethodNotAllowed),
        remedy: METHOD,
    }
}
