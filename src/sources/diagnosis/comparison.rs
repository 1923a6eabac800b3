//! Searches for the text, the algorithm and the secret with which a signature was made.

use super::attempt::Attempt;
use super::reason::Reason;
use crate::sources::secret::Secret;
use crate::sources::signature::Method;

/// The most mistakes that are searched for together, besides those in the form of the signature.
const MAX_MISTAKES: usize = 2;

/// A signature that does not match, and everything that may have been signed.
pub struct Comparison {
    /// The signatures of the webhook, decoded.
    pub given: Vec<Attempt<Vec<u8>>>,
    /// The algorithms to try.
    pub methods: Vec<Attempt<Method>>,
    /// The texts to try.
    pub texts: Vec<Attempt<Vec<u8>>>,
}

impl Comparison {
    /// The fewest reasons with which a signature fits. `None` if none fits. It takes thousands of hashes, and its
    /// time depends on the secrets, so it is for commands only: the service must not call it.
    #[must_use]
    pub fn find(&self, secrets: &[Attempt<Secret>]) -> Option<Vec<Reason>> {
        let mut best: Option<Vec<Reason>> = None;
        for text in &self.texts {
            for method in &self.methods {
                for secret in secrets {
                    let mistakes = [&text.reasons, &method.reasons, &secret.reasons];
                    let count: usize = mistakes.iter().map(|reasons| reasons.len()).sum();
                    let is_worse = best.as_ref().is_some_and(|best| best.len() <= count);
                    if count > MAX_MISTAKES || is_worse {
                        continue;
                    }
                    let digest = method.value.digest(secret.value.key(), &[&text.value]);
                    let fits = |given: &&Attempt<Vec<u8>>| Some(&given.value) == digest.as_ref();
                    let Some(given) = self.given.iter().find(fits) else { continue };
                    let found: Vec<Reason> =
                        [&given.reasons].into_iter().chain(mistakes).flatten().cloned().collect();
                    if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                        best = Some(found);
                    }
                }
            }
        }
        best
    }
}

/// The algorithms to try: the expected one, and these others.
pub(in crate::sources) fn methods(expected: Method, others: &[Method]) -> Vec<Attempt<Method>> {
    let other = |method: &Method| {
        let reason = Reason::OtherAlgorithm { expected: expected.as_str(), used: method.as_str() };
        Attempt::other(*method, reason)
    };
    let others = others.iter().filter(|method| **method != expected).map(other);
    std::iter::once(Attempt::exact(expected)).chain(others).collect()
}
