//! Settings of tests. They are typed: a test names what differs from the demo's settings.

use std::path::Path;

use hookpoint::customer::model::source::Source;
use hookpoint::demo;
use hookpoint::demo::simulators::{CLIENT_ID, Simulators, omnilab};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::settings::Settings;
use hookpoint::settings::file::{BrandSettings, IdentitySettings, SettingsFile};
use hookpoint::sources::SourceSettings;
use hookpoint::sources::api::{LiveSettings, LiveWhen};
use hookpoint::sources::secret::{Fetch, SecretRef};

/// The content of a settings file. Each method changes something, and returns the rest as it was.
#[derive(Debug, Clone)]
pub struct TestSettings {
    /// Boxed, because futures hold several of them.
    file: Box<SettingsFile>,
    /// Whether webhooks may be stored more slowly than a settings file allows: a busy machine must not refuse them.
    is_patient: bool,
}

impl Default for TestSettings {
    fn default() -> Self {
        Self::demo()
    }
}

impl TestSettings {
    /// The demo's settings without its APIs, for a service on any free port. A lookup may take long: a busy machine
    /// must not turn it into an error.
    pub fn demo() -> Self {
        Self::parse(demo::SETTINGS)
            .with(|file| {
                "127.0.0.1:0".clone_into(&mut file.server.listen);
                file.server.metrics_listen.clear();
                file.console.listen.clear();
                file.server.workers = 2;
                file.server.drain_seconds = 0;
                file.limits.lookups_per_second = 100_000;
                file.lookup.deadline_ms = 20_000;
            })
            .patient()
    }

    fn patient(self) -> Self {
        Self { is_patient: true, ..self }
    }

    /// The demo's settings, with the APIs of simulated systems.
    pub fn connected(simulators: &Simulators) -> Self {
        Self::parse(&demo::connected(simulators))
    }

    /// The settings in a text.
    pub fn parse(text: &str) -> Self {
        Self { file: Box::new(toml::from_str(text).unwrap()), is_patient: false }
    }

    pub fn with(mut self, change: impl FnOnce(&mut SettingsFile)) -> Self {
        change(&mut self.file);
        self
    }

    pub fn lookup_deadline_ms(self, deadline_ms: u64) -> Self {
        self.with(|file| file.lookup.deadline_ms = deadline_ms)
    }

    /// Webhooks are acknowledged as fast as by default, or refused.
    pub fn usual_ack_timeout(self) -> Self {
        Self { is_patient: false, ..self }
    }

    /// No worker applies webhooks: the test does.
    pub fn without_inbox_workers(self) -> Self {
        self.with(|file| file.inbox.workers = 0)
    }

    /// The service does not read from sources by itself, except after webhooks.
    pub fn without_sync(self) -> Self {
        self.without_backfill().with(|file| {
            (file.sync.reconcile_hours, file.sync.incremental_minutes) = (0, 0);
        })
    }

    pub fn without_backfill(self) -> Self {
        self.with(|file| file.sync.backfill = false)
    }

    /// The service does not ask sources after webhooks.
    pub fn without_follow_ups(self) -> Self {
        self.with(|file| file.sync.follow_ups = false)
    }

    /// Adds a brand with its defaults, or with other settings.
    pub fn and_brand(self, slug: &str, brand: BrandSettings) -> Self {
        self.with(|file| {
            file.brands.insert(slug.to_owned(), brand);
        })
    }

    /// Changes the demo's brand.
    pub fn brand(self, change: impl FnOnce(&mut BrandSettings)) -> Self {
        self.with(|file| change(file.brands.get_mut("demo").unwrap()))
    }

    pub fn identity(self, change: impl FnOnce(&mut IdentitySettings)) -> Self {
        self.brand(|brand| change(&mut brand.identity))
    }

    pub fn sources(self, change: impl FnOnce(&mut SourceSettings)) -> Self {
        self.brand(|brand| change(&mut brand.sources))
    }

    /// Sets the template of a custom field.
    pub fn custom_field(self, name: &str, template: &str) -> Self {
        self.brand(|brand| {
            let field = brand.custom_fields.iter_mut().find(|field| field.name == name).unwrap();
            template.clone_into(&mut field.value);
        })
    }

    /// Replaces how webhooks of a source are verified. `lines` are those of its table in a settings file; its other
    /// settings stay.
    pub fn webhook(self, source: Source, lines: &str) -> Self {
        self.sources(|sources| {
            let mut all = toml::Table::try_from(&*sources).unwrap();
            let webhook = all[source.as_str()]["webhook"].as_table_mut().unwrap();
            webhook.remove("verification");
            webhook.remove("secrets");
            webhook.extend(toml::from_str::<toml::Table>(lines).unwrap());
            *sources = all.try_into().unwrap();
        })
    }

    /// Gives the brand the API of a simulated system, with a limit that is never reached.
    pub fn api(self, simulators: &Simulators, source: Source, when: LiveWhen) -> Self {
        let base_url = simulators.base_url(source);
        let secret = vec![SecretRef::Env(Secrets::known().of_api(source))];
        let live = LiveSettings { when, ..LiveSettings::default() };
        self.sources(|sources| match source {
            Source::OmnioTap => {
                let api = &mut sources.omniotap.api;
                (api.base_url, api.key, api.live) = (base_url, secret, live);
                api.calls_per_minute = 60_000;
            }
            Source::Omneo => {
                let api = &mut sources.omneo.api;
                (api.base_url, api.token, api.live) = (base_url, secret, live);
                api.calls_per_minute = 60_000;
            }
            Source::OmniLab => {
                let api = &mut sources.omnilab.api;
                (api.base_url, api.client_secret, api.live) = (base_url, secret, live);
                api.token_url = simulators.token_url(source);
                CLIENT_ID.clone_into(&mut api.client_id);
                omnilab::AUDIENCE.clone_into(&mut api.audience);
                api.calls_per_minute = 60_000;
            }
            Source::Syncaroo => {
                sources.syncaroo.connection_id = 555;
                let api = &mut sources.syncaroo.api;
                (api.base_url, api.client_secret, api.live) = (base_url, secret, live);
                api.token_url = simulators.token_url(source);
                CLIENT_ID.clone_into(&mut api.client_id);
                api.calls_per_minute = 60_000;
            }
        })
    }

    /// The text of the settings file.
    pub fn text(&self) -> String {
        toml::to_string(&*self.file).unwrap()
    }

    /// The settings as a service reads them from the file, with the secrets that `fetch` knows.
    pub fn load(&self, fetch: Fetch<'_>) -> Settings {
        let mut settings = Settings::parse_with(&self.text(), Path::new("test.toml"), fetch)
            .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        if self.is_patient {
            settings.file.inbox.ack_timeout_ms = 20_000;
        }
        settings
    }
}

#[test]
fn settings_are_the_same_after_they_were_written_to_a_file() {
    let settings = TestSettings::demo()
        .custom_field("points", "{{ \"a\" }}\n'")
        .webhook(Source::OmniLab, "verification = \"none\"")
        .and_brand("other", BrandSettings::default());
    assert_eq!(TestSettings::parse(&settings.text()).file, settings.file);
}
