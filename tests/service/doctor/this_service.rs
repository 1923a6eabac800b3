//! The doctor of this service: each check passes when all is well, and finds what is broken.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use hookpoint::brand::{Brand, BrandRules};
use hookpoint::clock::Clock;
use hookpoint::customer::model::source::Source;
use hookpoint::demo::simulators::{SimulatedData, SimulatorOptions, Simulators};
use hookpoint::demo::webhook_signer::Secrets;
use hookpoint::doctor::finding::Verdict::{Fail, Pass, Warn};
use hookpoint::doctor::service::{
    Addresses, ServiceCheck as Check, check_database, check_disks, check_exposure, check_facts,
    check_keys, check_login_provider, check_mistakes, check_open_error, check_reachability,
    check_replicas, check_settings, check_source_apis, check_suppression_file, completed,
    judge_space,
};
use hookpoint::settings::{OidcSettings, Settings, shared_hash};
use hookpoint::sources::api::LiveWhen;
use hookpoint::sources::secret::SecretRef;
use hookpoint::storage::database::{Database, OpenError, Place, PoolSize, Url};
use hookpoint::storage::database_facts::DatabaseFacts;
use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::support::{Options as AppOptions, TestSettings, scratch, until};

/// The verdicts of a check.
fn verdicts(findings: &[Finding], check: Check) -> Vec<Verdict> {
    let own = findings.iter().filter(|finding| finding.id == check.id());
    own.map(|finding| finding.verdict).collect()
}

/// The checks that found something, and are found broken by the tests below.
#[derive(Default)]
struct Broken(BTreeSet<Check>);

impl Broken {
    /// A check has this verdict, and a remedy.
    fn is(&mut self, findings: &[Finding], check: Check, verdict: Verdict) {
        let found = findings
            .iter()
            .find(|finding| finding.id == check.id() && finding.verdict == verdict)
            .unwrap_or_else(|| panic!("{} is not {verdict:?}: {findings:#?}", check.id()));
        assert!(found.remedy.is_some(), "{}", check.id());
        self.0.insert(check);
    }
}

fn loaded(settings: &TestSettings) -> Settings {
    settings.load(&|_| Ok(b"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz".to_vec()))
}

fn settings_are_checked(broken: &mut Broken) {
    let sound = TestSettings::demo().with(|file| {
        file.server.public_url = "https://api.brand.example".to_owned();
        file.server.allowed_networks = vec!["192.0.2.0/24".parse().unwrap()];
        file.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    });
    let findings = check_settings(&loaded(&sound));
    assert!(findings.iter().all(|it| it.verdict == Pass), "{findings:#?}");
    let changed =
        |change: fn(TestSettings) -> TestSettings| check_settings(&loaded(&change(sound.clone())));
    let mistakes = Settings::parse("colour = 1", Path::new("x.toml")).unwrap_err();
    broken.is(&check_mistakes(&mistakes), Check::Settings, Fail);
    for text in [
        "[server]\nworkers = \"canary\"",
        "[server]\nforwarded_header = \"canary\"",
        "[brands.demo.sources.omneo.webhook]\nsecrets = \"canary\"",
    ] {
        let mistakes = Settings::parse(text, Path::new("x.toml")).unwrap_err();
        let found = check_mistakes(&mistakes);
        assert!(found.iter().all(|it| !it.seen.contains("canary")), "{found:#?}");
    }
    let without_secrets = sound.load(&|_| Err("is not set".to_owned()));
    broken.is(&check_settings(&without_secrets), Check::Secrets, Fail);
    let nobody = changed(|it| it.with(|file| file.brands.clear()));
    broken.is(&nobody, Check::Brands, Warn);
    let open = changed(|it| it.with(|file| file.server.allowed_networks.clear()));
    broken.is(&open, Check::Networks, Warn);
    let unknown = changed(|it| it.with(|file| file.server.public_url.clear()));
    broken.is(&unknown, Check::PublicUrl, Warn);
    let direct = changed(|it| it.with(|file| file.server.trusted_proxies.clear()));
    broken.is(&direct, Check::Proxies, Warn);
    let unverified = changed(|it| it.webhook(Source::Omneo, "verification = \"none\""));
    broken.is(&unverified, Check::WebhookVerification, Warn);
}

/// A pool size for tests.
fn size() -> PoolSize {
    PoolSize { connections: 2, acquire_timeout: ENDLESS, statement: Some(ENDLESS) }
}

/// The findings about a database with another URL.
async fn with_url(place: &Place, more: &str) -> Vec<Finding> {
    let Place::Server(Url(url, origin)) = place else { panic!("a server") };
    let place = Place::Server(Url(format!("{url}{more}"), origin.clone()));
    let database = Database::open(&place, size(), true).await.unwrap();
    let findings = check_database(&database, 19, &Clock::system()).await;
    database.close().await;
    findings
}

async fn the_database_is_checked(app: &TestApp, broken: &mut Broken) {
    let execute = async |statement: String| {
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(app.pool()).await.unwrap();
    };
    let findings = with_url(&app.place, "").await;
    for check in [
        Check::Database,
        Check::DatabasePooler,
        Check::DatabaseVersion,
        Check::DatabaseSchema,
        Check::DatabaseRights,
        Check::DatabaseTls,
        Check::DatabaseConnections,
        Check::DatabaseLog,
        Check::Clock,
    ] {
        assert_eq!(verdicts(&findings, check), [Pass], "{findings:#?}");
    }
    // The server of the tests writes nothing through to the disk.
    broken.is(&findings, Check::DatabaseDurability, Warn);
    let role = format!("limited_{}", app.database);
    execute(format!("create role {role}")).await;
    execute(format!("grant select on _sqlx_migrations to {role}")).await;
    broken.is(
        &with_url(&app.place, &format!("&options[role]={role}")).await,
        Check::DatabaseRights,
        Fail,
    );
    execute(format!("drop owned by {role}")).await;
    execute(format!("drop role {role}")).await;
    let logs = "&options[log_min_duration_statement]=0&options[log_parameter_max_length]=-1";
    broken.is(&with_url(&app.place, logs).await, Check::DatabaseLog, Warn);
    execute("update _sqlx_migrations set success = false".to_owned()).await;
    broken.is(&with_url(&app.place, "").await, Check::DatabaseSchema, Warn);
    execute("update _sqlx_migrations set success = true".to_owned()).await;
    let nowhere =
        Place::Server(Url::from_environment("postgres://nobody@127.0.0.1:1/x".to_owned()));
    let error = Database::open(&nowhere, size(), true).await.unwrap_err();
    broken.is(&check_open_error(&error), Check::Database, Fail);
    broken.is(
        &check_open_error(&OpenError::TooOld("shop".to_owned(), 14)),
        Check::DatabaseVersion,
        Fail,
    );
    broken.is(
        &check_open_error(&OpenError::PooledByTransaction("shop".to_owned())),
        Check::DatabasePooler,
        Fail,
    );
    broken.is(&[check_exposure(Some("nothing is encrypted"))], Check::DatabaseTls, Warn);
}

fn facts_are_judged(broken: &mut Broken) {
    let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let sound = DatabaseFacts {
        may_create: true,
        foreign_tables: 0,
        connections: 38,
        is_durable: true,
        now,
    };
    let judged = |facts: &DatabaseFacts| check_facts(facts, 19, (now, now));
    assert!(judged(&sound).iter().all(|finding| finding.verdict == Pass));
    let foreign = DatabaseFacts { foreign_tables: 1, ..sound };
    broken.is(&judged(&foreign), Check::DatabaseRights, Fail);
    for (connections, verdict) in [(37, Warn), (19, Warn), (18, Fail), (0, Fail)] {
        let few = DatabaseFacts { connections, ..sound };
        broken.is(&judged(&few), Check::DatabaseConnections, verdict);
    }
    for (seconds, verdict) in [(3, Warn), (-3, Warn), (61, Fail), (-61, Fail)] {
        let other = now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let apart = DatabaseFacts { now: other, ..sound };
        broken.is(&judged(&apart), Check::Clock, verdict);
    }
}

fn files_are_checked(app: &TestApp, broken: &mut Broken) {
    use std::os::unix::fs::PermissionsExt;
    let directory = scratch().join(format!("doctor-files-{}", app.database));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("suppressions.jsonl");
    let check = |path: &Path| {
        check_suppression_file(path, std::iter::once(&app.brand).map(|brand: &Arc<Brand>| &**brand))
    };
    let write = |text: &str, mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    assert_eq!(verdicts(&check(&path), Check::SuppressionFile), [Pass], "it does not exist yet");
    write("", 0o600);
    assert_eq!(verdicts(&check(&path), Check::SuppressionFile), [Pass]);
    write("", 0o644);
    broken.is(&check(&path), Check::SuppressionFile, Warn);
    broken.is(&check(&directory), Check::SuppressionFile, Fail);
    let link = directory.join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    broken.is(&check(&link), Check::SuppressionFile, Fail);
    assert_eq!(verdicts(&check_disks(&[path]), Check::Disk).len(), 1);
    std::fs::remove_dir_all(&directory).unwrap();
    let megabytes = |free: u64, all: u64| judge_space(free << 20, all << 20).verdict;
    assert_eq!(megabytes(2_000, 10_000), Pass);
    assert_eq!([megabytes(900, 1_000), megabytes(2_000, 100_000)], [Warn, Warn]);
    assert_eq!(megabytes(10, 20), Fail);
    broken.0.insert(Check::Disk);
}

async fn keys_are_checked(app: &TestApp, broken: &mut Broken) {
    let check =
        async || check_keys(app.pool(), std::iter::once(&*app.brand), app.clock.now()).await;
    assert_eq!(verdicts(&check().await, Check::Keys), [Pass]);
    sqlx::query("update api_keys set expires_at = $1::timestamptz + interval '3 days'")
        .bind(app.clock.now().to_string())
        .execute(app.pool())
        .await
        .unwrap();
    broken.is(&check().await, Check::Keys, Warn);
    sqlx::query("delete from api_keys").execute(app.pool()).await.unwrap();
    broken.is(&check().await, Check::Keys, Fail);
}

async fn replicas_are_checked(app: &TestApp, broken: &mut Broken) {
    let hash = shared_hash(&app.loaded(&TestSettings::demo()).file);
    until("it reports itself", async || {
        verdicts(&check_replicas(app.pool(), &hash).await, Check::Replicas) == [Pass]
    })
    .await;
    let changed = TestSettings::demo().with(|file| file.lookup.cache_seconds = 7);
    let other = shared_hash(&app.loaded(&changed).file);
    broken.is(&check_replicas(app.pool(), &other).await, Check::Replicas, Warn);
}

async fn addresses_are_checked(app: &TestApp, broken: &mut Broken) {
    let service = format!("http://{}", app.application.address);
    let brands: [&BrandRules; 1] = [&app.brand.rules];
    let check = async |local_url: &str, public_url: &str| {
        let lookup_path = "/omnidesk/customerlookup";
        let addresses = Addresses { local_url, public_url, lookup_path };
        check_reachability(&addresses, &brands, ENDLESS).await.unwrap()
    };
    let findings = check(&service, &format!("{service}/")).await;
    assert!(findings.iter().all(|it| it.verdict == Pass), "{findings:#?}");
    assert_eq!(verdicts(&findings, Check::PublicWebhooks).len(), 4);
    let other = BrokenHookpoint::start(None).await;
    let other = format!("http://127.0.0.1:{}", other.port);
    let findings = check(&service, &other).await;
    for check in [Check::PublicHealth, Check::PublicLookup, Check::PublicWebhooks] {
        broken.is(&findings, check, Fail);
    }
    broken.is(&check("http://127.0.0.1:1", "").await, Check::Service, Fail);
    let trusting = TestSettings::demo()
        .with(|file| file.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]);
    let trusting = TestApp::start_with(trusting).await;
    let url = format!("http://{}", trusting.application.address);
    broken.is(&check(&url, &url).await, Check::ProxyHeaders, Warn);
    trusting.stop().await;
}

/// Each list of a source is read once, with the credentials of the settings.
async fn source_apis_are_checked(broken: &mut Broken) {
    let data = Arc::new(SimulatedData::new(Clock::system()));
    let options = SimulatorOptions::default();
    let simulators = Simulators::start(data, &Secrets::known(), options, Clock::system()).unwrap();
    let sound = TestSettings::demo()
        .without_sync()
        .api(&simulators, Source::Omneo, LiveWhen::Off)
        .api(&simulators, Source::OmnioTap, LiveWhen::Off);
    let wrong = sound.clone().sources(|sources| {
        sources.omneo.api.token = vec![SecretRef::Env("canary-wrong".to_owned())];
    });
    for (settings, verdict) in [(sound, Pass), (wrong, Fail)] {
        let app = TestApp::start_with(AppOptions { settings, ..AppOptions::default() }).await;
        let calls = hookpoint::settings::file::CallSettings::default();
        let brands = [Arc::clone(&app.brand)];
        let findings = check_source_apis(app.pool(), &brands, &calls, ENDLESS).await;
        let of = |source: Source| {
            let subject = format!("demo/{source} ");
            let own =
                findings.iter().filter(|it| it.subject.as_ref().unwrap().starts_with(&subject));
            own.map(|finding| finding.verdict).collect::<BTreeSet<Verdict>>()
        };
        assert_eq!(of(Source::Omneo), [verdict].into(), "{findings:#?}");
        assert_eq!(of(Source::OmnioTap), [Pass].into(), "{findings:#?}");
        assert!(!format!("{findings:?}").contains("canary"));
        if verdict == Fail {
            broken.is(&findings, Check::SourceApi, Fail);
        }
        app.stop().await;
    }
    simulators.stop().await;
}

#[tokio::test]
async fn each_check_passes_or_finds_what_is_broken() {
    let mut broken = Broken::default();
    settings_are_checked(&mut broken);
    facts_are_judged(&mut broken);
    let app = TestApp::start().await;
    files_are_checked(&app, &mut broken);
    addresses_are_checked(&app, &mut broken).await;
    replicas_are_checked(&app, &mut broken).await;
    keys_are_checked(&app, &mut broken).await;
    the_database_is_checked(&app, &mut broken).await;
    app.stop().await;
    source_apis_are_checked(&mut broken).await;
    let oidc = OidcSettings { issuer: "http://127.0.0.1:1".to_owned(), ..OidcSettings::default() };
    let finding = check_login_provider(&oidc, ENDLESS, Timestamp::UNIX_EPOCH).await;
    broken.is(&[finding], Check::LoginProvider, Fail);
    assert_eq!(broken.0, Check::ALL.into(), "each check finds something broken");
}

#[test]
fn checks_that_were_not_possible_are_skipped() {
    let mistakes = Settings::parse("colour = 1", Path::new("x.toml")).unwrap_err();
    let findings = completed(check_mistakes(&mistakes));
    let ids: Vec<&str> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, Check::ALL.map(Check::id));
    assert!(findings.iter().skip(1).all(|finding| finding.verdict == Verdict::Skipped));
}

/// The settings file and the environment of a service.
struct Files(PathBuf);

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn the_command_examines_the_service_of_its_settings_and_prints_no_secret() {
    let app = TestApp::start().await;
    let address = app.application.address.to_string();
    let suppressions = crate::support::suppression_file_of(&app.database);
    let text = TestSettings::demo()
        .with(|file| {
            file.server.listen = address.clone();
            file.server.public_url = format!("http://{address}");
            file.erasure.suppression_file = suppressions.display().to_string();
        })
        .text();
    let file = Files(scratch().join(format!("doctor-{}.toml", app.database)));
    std::fs::write(&file.0, text).unwrap();
    let Place::Server(Url(url, _)) = &app.place else { panic!("a server") };
    let run = async |url: &str, secret: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookpoint"));
        command.arg("--settings").arg(&file.0).arg("doctor").args(more).env("DATABASE_URL", url);
        for source in Source::ALL.into_iter().filter(|_| !secret.is_empty()) {
            let name = format!("{}_SECRET", source.as_str().to_uppercase());
            command.env(name, crate::support::written(source, secret));
        }
        output_of(command).await
    };
    let secret = "canary-of-a-secret-of-sources";
    let (code, out, error) = run(url, secret, &["--timeout", "120"]).await;
    assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("pass  service ") && out.contains(", 0 failed, "), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80 || line.contains('/')), "{out}");
    assert!(!out.contains("canary") && !out.contains(KEY), "{out}");
    let nowhere = "postgres://nobody:canary-password@127.0.0.1:1/x";
    let (code, out, error) = run(nowhere, "", &["--json"]).await;
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, error.as_str()), (Some(3), "hookpoint: 5 checks failed\n"), "{out}");
    assert_eq!(report["failed"], 5, "four secrets, and the database: {out}");
    assert!(!out.contains("canary"), "{out}");
    app.stop().await;
}
