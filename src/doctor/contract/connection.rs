//! Checks of the connection, and of what all requests together show.

use std::time::Duration;

use super::check::{Check, How};
use super::client::{Reply, RequestLog};
use super::target::Target;
use crate::counted::counted;
use crate::doctor::finding::{Observation, Verdict};
use crate::doctor::http::NoResponse;

/// The checks of the connection. They come first.
pub(super) static CONNECTION: &[Check] = &[
    Check {
        id: "https",
        question: "Is the connection encrypted?",
        how: How::First(https),
        remedy: "Use https. Without it, everybody between Omnidesk and the server can read the key and the customers.",
    },
    Check {
        id: "reachable",
        question: "Does a server answer at the URL?",
        how: How::First(reachable),
        remedy: "Check host, port, DNS, firewall, and that the service runs.",
    },
    Check {
        id: "certificate",
        question: "Is the certificate valid, and the TLS version at least 1.2?",
        how: How::First(certificate),
        remedy: "Install a certificate for this host, with its chain, from a public authority.",
    },
    Check {
        id: "redirect",
        question: "Does the URL answer itself, without a redirect?",
        how: How::First(redirect),
        remedy: "Give Omnidesk the final URL. A redirect may lose the query, or send the key elsewhere.",
    },
    Check {
        id: "key-accepted",
        question: "Does the server accept the key from this network?",
        how: How::First(key_accepted),
        remedy: "Check the key, --key-parameter, and the list of allowed networks.",
    },
];

fn https(target: &Target, _: &Reply) -> Observation {
    if target.is_https() {
        Observation::pass("https")
    } else if target.is_local() {
        Observation::skipped("the URL is on this machine")
    } else {
        Observation::fail("http")
    }
}

fn reachable(_: &Target, reply: &Reply) -> Observation {
    match reply {
        Ok(_) | Err(NoResponse::Tls(_)) => Observation::pass("a server answers"),
        Err(why) => Observation::fail(why.to_string()),
    }
}

fn certificate(target: &Target, reply: &Reply) -> Observation {
    match reply {
        Err(NoResponse::Tls(why)) => Observation::fail(why.clone()),
        _ if !target.is_https() => Observation::skipped("the URL begins with http"),
        Ok(_) => Observation::pass("valid"),
        Err(_) => Observation::skipped("no answer"),
    }
}

fn redirect(_: &Target, reply: &Reply) -> Observation {
    match reply {
        Ok(response) if (300..400).contains(&response.status) => {
            Observation::fail(format!("status {}", response.status))
        }
        Ok(_) => Observation::pass("no redirect"),
        Err(_) => Observation::skipped("no answer"),
    }
}

fn key_accepted(_: &Target, reply: &Reply) -> Observation {
    match reply {
        Ok(response) if [401, 403].contains(&response.status) => {
            Observation::fail(format!("status {}", response.status))
        }
        Ok(response) if response.status == 200 => Observation::pass("accepted"),
        // Other checks judge it. It does not tell whether the key is right.
        Ok(response) => Observation::skipped(format!("status {}", response.status)),
        Err(_) => Observation::skipped("no answer"),
    }
}

/// The checks of all requests together. They come last.
pub(super) static WHOLE: &[Check] = &[
    Check {
        id: "concurrent",
        question: "Do five requests at the same time get the same answer?",
        how: How::Concurrent,
        remedy: "Answer requests independently of each other; calls arrive at the same time.",
    },
    Check {
        id: "time",
        question: "Do answers arrive fast enough?",
        how: How::Whole(time),
        remedy: "Answer from stored data. Omnidesk documents no timeout; its webhooks allow one second.",
    },
    Check {
        id: "error-without-key",
        question: "Are errors free of the key?",
        how: How::Whole(error_without_key),
        remedy: "Do not repeat the key or the query in errors: they end up in logs.",
    },
    Check {
        id: "error-without-address",
        question: "Are errors free of addresses and ids?",
        how: How::Whole(error_without_address),
        remedy: "Do not repeat the parameters in errors: they end up in logs.",
    },
    Check {
        id: "error-without-internals",
        question: "Are errors free of the program's internals?",
        how: How::Whole(error_without_internals),
        remedy: "Answer errors with a fixed text, and write stack traces and exceptions to the log.",
    },
];

fn time(log: &RequestLog, limit: Duration) -> Observation {
    let mut durations = log.durations.clone();
    durations.sort_unstable();
    let (Some(median), Some(longest)) = (durations.get(durations.len() / 2), durations.last())
    else {
        return Observation::skipped("no successful answer");
    };
    let seen = format!(
        "{}: median {} ms, longest {} ms, limit {} ms",
        counted(durations.len(), "answer", "answers"),
        median.as_millis(),
        longest.as_millis(),
        limit.as_millis()
    );
    if *longest > limit { Observation::warn(seen) } else { Observation::pass(seen) }
}

fn error_without_key(log: &RequestLog, _: Duration) -> Observation {
    let found = errors(log, log.errors_with_key, "repeat the key");
    if log.has_short_key && found.verdict == Verdict::Pass {
        Observation::skipped("the key is too short to be found")
    } else {
        found
    }
}

fn error_without_address(log: &RequestLog, _: Duration) -> Observation {
    errors(log, log.errors_with_address, "repeat an address or id")
}

fn error_without_internals(log: &RequestLog, _: Duration) -> Observation {
    let found = errors(log, log.errors_with_internals, "look like a stack trace or an exception");
    if log.errors_with_internals > 0 { Observation::warn(found.seen) } else { found }
}

fn errors(log: &RequestLog, count: usize, what: &str) -> Observation {
    if log.errors == 0 {
        Observation::skipped("no error was seen")
    } else if count == 0 {
        Observation::pass("none does")
    } else {
        Observation::fail(format!("responses with errors that {what}: {count}"))
    }
}
