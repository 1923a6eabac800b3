//! How the webhooks of a source are connected, for `hookpoint init`. Each source describes itself in
//! its own `setup.rs`.

/// What a person needs to connect the webhooks of a source.
#[derive(Debug, PartialEq, Eq)]
pub struct WebhookSetup {
    /// Its name, for people.
    pub name: &'static str,
    /// Where the URL of its webhooks belongs: a sentence.
    pub url_goes_to: &'static str,
    /// The names of the two parts in which the source wants the URL: the address of this service, and the path. `None` if
    /// it wants the whole URL.
    pub url_parts: Option<[&'static str; 2]>,
    /// The kinds of verification that its settings know. The first is the default.
    pub verifications: &'static [VerificationChoice],
    /// A custom field that its data can fill: the name and the template.
    pub custom_field: Option<(&'static str, &'static str)>,
}

/// A kind of verification.
#[derive(Debug, PartialEq, Eq)]
pub struct VerificationChoice {
    /// The value of the setting `verification`.
    pub name: &'static str,
    /// What it means for a person who chooses it, in a few words.
    pub meaning: &'static str,
    /// What it is, once it is chosen.
    pub in_words: &'static str,
    /// Who chooses its secret.
    pub secret: SecretOrigin,
}

/// Who chooses the secret of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretOrigin {
    /// This service: the secret is the last part of the URL.
    Service,
    /// The source.
    Source,
    /// Nobody: there is no secret.
    None,
}

impl WebhookSetup {
    /// The kind of verification with this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static VerificationChoice> {
        self.verifications.iter().find(|verification| verification.name == name)
    }

    /// The names of the kinds of verification.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.verifications.iter().map(|verification| verification.name).collect()
    }
}

/// By a secret in the URL.
pub(super) const URL_SECRET: VerificationChoice = VerificationChoice {
    name: "secret",
    meaning: "a new random secret, as the last part of the URL",
    in_words: "a secret of your own, which the source sends",
    secret: SecretOrigin::Service,
};

/// Not at all.
pub(super) const NOT_VERIFIED: VerificationChoice = VerificationChoice {
    name: "none",
    meaning: "not at all: anybody who finds the URL can write data",
    in_words: "none: anybody who finds the URL can write data",
    secret: SecretOrigin::None,
};
