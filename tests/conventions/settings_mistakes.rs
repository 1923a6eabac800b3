//! A mistake in the settings is told with its file, line and key, and with what would be right.

use std::path::Path;

use hookpoint::settings::{Checked, SecretAccess, Settings};

use crate::settings_example::in_words;

fn mistakes(text: &str) -> Vec<String> {
    let checked = Checked::parse(text, Path::new("brand.toml"), SecretAccess::Read);
    checked.mistakes.iter().chain(&checked.missing).map(ToString::to_string).collect()
}

const KINDS: &str = "the kinds are omneo.profile, omniotap.customer, omniotap.contact, omnilab.participant, syncaroo.member";
const ROOTS: &str =
    "this template can use customer, attributes, omneo, omniotap, omnilab, syncaroo";

/// A settings text with one mistake, the line and key that the message names, and what it says would be right.
#[rustfmt::skip]
const MISTAKES: [(&str, usize, &str, &str); 114] = [
    // Syntax and types.
    ("[server]\nlissten = \"x\"", 2, "server.lissten", "Did you mean `listen`?"),
    ("[servr]\nlisten = \"x\"", 1, "servr", "Did you mean `[server]`?"),
    ("listen = \"x\"", 1, "listen", "it belongs in [server]"),
    ("[server]\nlisten = 5", 2, "server.listen", "must be a text in quotes, such as \"127.0.0.1:8080\""),
    ("[server]\nlisten =", 2, "server.listen", "the value after `=` is missing"),
    ("[server\nlisten = \"127.0.0.1:1\"", 1, "[server", "`]` is missing at the end of the line"),
    ("[server]\nworkers = 1\nworkers = 2", 3, "server.workers", "the first time is on line 2"),
    ("[server]\n\n[server]", 3, "[server]", "the first time is on line 1"),
    ("[server]\nworkers = -1", 2, "server.workers", "must be a whole number, 0 or more"),
    ("[server]\nallowed_networks = \"10.0.0.0/8\"", 2, "server.allowed_networks", "must be a list, such as [\"192.0.2.0/24\"]"),
    ("[server]\nallowed_networks = [\"10.0.0.0/40\"]", 2, "server.allowed_networks", "is not a network"),
    ("[server]\ntrusted_proxies = [\"proxy.internal\"]", 2, "server.trusted_proxies", "is not a network"),
    ("[server]\nforwarded_header = \"x-real-ip\"", 2, "server.forwarded_header", "must be one of: \"x-forwarded-for\" or \"forwarded\""),
    ("[server]\npublic_url = \"api.brand.nl\"", 2, "server.public_url", "such as \"https://api.brand.nl\""),
    ("[database]\ndownload_postgres = \"yes\"", 2, "database.download_postgres", "must be true or false, without quotes"),
    ("[database]\nmax_connections = 0", 2, "database.max_connections", "at least 2"),
    ("[lookup]\ndatabase_connections = 4000000000", 2, "lookup.database_connections", "at most 100"),
    ("[lookup]\ndeadline_ms = 9000000000000000000", 2, "lookup.deadline_ms", "at most 60000"),
    ("[lookup]\nmultiple_matches = \"some\"", 2, "lookup.multiple_matches", "must be one of: \"all\" or \"none\""),
    ("[lookup]\ndeadline_ms = 0", 2, "lookup.deadline_ms", "at least 50"),
    ("[lookup]\nmax_customers = 0", 2, "lookup.max_customers", "at least 1"),
    ("[lookup]\nmax_waiting = 0", 2, "lookup.max_waiting", "at least 1"),
    ("[lookup]\npath = \"omnidesk\"", 2, "lookup.path", "such as \"/omnidesk/customerlookup\""),
    ("[lookup]\nkey_parameter = \"address\"", 2, "lookup.key_parameter", "such as \"key\""),
    ("[limits]\nlookups_per_second = 0", 2, "limits.lookups_per_second", "at least 1"),
    ("[limits]\nwrong_keys_per_minute = 0", 2, "limits.wrong_keys_per_minute", "at least 1"),
    ("[limits]\nnot_found_per_minute = 0", 2, "limits.not_found_per_minute", "at least 1"),
    ("[limits]\nmax_tracked_networks = 0", 2, "limits.max_tracked_networks", "at least 1"),
    ("[telemetry]\nlevel = \"verbose\"", 2, "telemetry.level", "\"error\", \"warn\", \"info\", \"debug\" or \"trace\""),
    ("[telemetry]\nformat = \"xml\"", 2, "telemetry.format", "must be one of: \"auto\", \"human\" or \"json\""),
    ("[telemetry.traces]\nendpoint = \"collector:4317\"", 2, "telemetry.traces.endpoint", "such as \"http://127.0.0.1:4318/v1/traces\""),
    ("[telemetry.traces]\nendpoint = \"http://collector:4318\"", 2, "telemetry.traces.endpoint", "must be the whole URL"),
    ("[telemetry.traces]\nendpoint = \"https://user:password@collector/v1/traces\"", 2, "telemetry.traces.endpoint", "without a user"),
    ("[telemetry.traces]\nendpoint = \"http://collector:4318/v1/traces\"\nheaders = { x-key = { env = \"CARGO_PKG_NAME\" } }", 2, "telemetry.traces.endpoint", "must begin with https"),
    ("[telemetry.traces]\nendpoint = \"https://collector/v1/traces\"\nheaders = { \"x key\" = { env = \"CARGO_PKG_NAME\" } }", 3, "telemetry.traces.headers.x key", "the name of a header"),
    ("[telemetry.traces]\nheaders = { content-type = { env = \"CARGO_PKG_NAME\" } }", 2, "telemetry.traces.headers.content-type", "the name of a header"),
    ("[telemetry.traces]\nendpoint = \"https://collector/v1/traces\"\nheaders = { x-key = { env = \"HOOKPOINT_NOT_SET\" } }", 3, "telemetry.traces.headers.x-key", "the environment variable HOOKPOINT_NOT_SET, which is not set"),
    ("[telemetry.traces]\nendpoint = \"https://collector/v1/traces\"\nheaders = { x-key = { file = \"/dev/null\" } }", 3, "telemetry.traces.headers.x-key", "contains no value for a header"),
    ("[telemetry.traces]\nheaders = { x-key = \"topsecret\" }", 2, "telemetry.traces.headers.x-key", "such as { env = \"NAME\" }"),
    ("[telemetry.traces]\nsampled_percent = 101", 2, "telemetry.traces.sampled_percent", "at most 100"),
    ("[telemetry.traces]\nservice_name = \"\"", 2, "telemetry.traces.service_name", "must not be empty"),
    ("[telemetry]\nendpoint = \"https://collector/v1/traces\"", 2, "telemetry.endpoint", "it belongs in [telemetry.traces]"),
    ("[database]\ndata_dir = \"/srv/data\"\n[erasure]\nsuppression_file = \"/srv/data/suppressions.jsonl\"", 4, "erasure.suppression_file", "must not be inside /srv/data"),
    ("[console.oidc]\nissuer = \"login.brand.nl\"\nclient_id = \"x\"\nroles = [{ group = \"x\", brand = \"demo\", role = \"viewer\" }]\n[brands.demo]", 2, "console.oidc.issuer", "such as \"https://login.brand.nl\""),
    ("[console.oidc]\nissuer = \"https://login.brand.nl\"\nroles = [{ group = \"x\", brand = \"demo\", role = \"viewer\" }]\n[brands.demo]", 1, "console.oidc.client_id", "must not be empty if console.oidc.issuer is set"),
    ("[console.oidc]\nissuer = \"https://login.brand.nl\"\nclient_id = \"x\"", 1, "console.oidc.roles", "without it, nobody can log in"),
    ("[console.oidc]\nroles = [{ group = \"x\", brand = \"shop\", role = \"viewer\" }]", 2, "console.oidc.roles.0.brand", "must be a brand of these settings"),
    ("[console.oidc]\nroles = [{ group = \"\", brand = \"demo\", role = \"viewer\" }]\n[brands.demo]", 2, "console.oidc.roles.0.group", "must not be empty"),
    ("[console.oidc]\nroles = [{ group = \"x\", brand = \"demo\", role = \"owner\" }]\n[brands.demo]", 2, "console.oidc.roles.0.role", "must be one of: \"viewer\", \"supervisor\" or \"admin\""),
    ("[console.oidc]\nclient_secret = [{ env = \"A_B\" }, { env = \"C_D\" }]", 2, "console.oidc.client_secret", "only one can be used"),
    ("[console.oidc]\nissuer = \"https://login.brand.nl\"\nclient_id = \"x\"\nclient_secret = [{ env = \"HOOKPOINT_NOT_SET\" }]\nroles = [{ group = \"x\", brand = \"demo\", role = \"viewer\" }]\n[brands.demo]", 4, "console.oidc.client_secret", "the environment variable HOOKPOINT_NOT_SET, which is not set"),
    ("[console.oidc]\nclient_secret = [\"topsecret\"]", 2, "console.oidc.client_secret.0", "such as { env = \"NAME\" }"),
    // Brands.
    ("[limits]\n[brands.Demo]", 2, "brands.Demo", "lower-case letters, digits, - and _"),
    ("[brands.\"a.b\"]", 1, "brands.a.b", "lower-case letters, digits, - and _"),
    ("[brands.demo]\ntime_zone = \"Amsterdam\"", 2, "brands.demo.time_zone", "Did you mean `Europe/Amsterdam`?"),
    ("[brands.demo]\nlocale = \"de\"", 2, "brands.demo.locale", "\"en\" or \"nl\""),
    ("[brands.demo]\ndefault_region = \"Holland\"", 2, "brands.demo.default_region", "two capital letters such as \"NL\""),
    ("[brands.demo]\ndefault_region = \"nl\"", 2, "brands.demo.default_region", "two capital letters such as \"NL\""),
    ("[brands.demo]\n[brands.demo.precedence]\nlast_name = [\"crm\"]", 3, "brands.demo.precedence.last_name.0", KINDS),
    ("[brands.demo.sources.hubspot]\nx = 1", 1, "brands.demo.sources.hubspot", "this table can have omniotap, omneo, omnilab, syncaroo"),
    ("[brands.demo.agent_page]\nmode = \"on\"", 2, "brands.demo.agent_page.mode", "must be one of: \"off\", \"link\" or \"login\""),
    ("[brands.demo.agent_page]\nlink_days = 0", 2, "brands.demo.agent_page.link_days", "between 1 and 366"),
    ("[lookup]\nstale_if_error_seconds = 90000\n[brands.demo.agent_page]\nmode = \"link\"\nlink_days = 1", 5, "brands.demo.agent_page.link_days", "longer than an answer is cached"),
    ("[console]\nlisten = \"\"\n[brands.demo.agent_page]\nmode = \"login\"", 4, "brands.demo.agent_page.mode", "console.listen is empty"),
    ("[brands.demo.timeline.messages]\n\"omneo.order\" = \"{{ agent_page }}\"", 2, "brands.demo.timeline.messages.omneo.order", "there is no `agent_page` here"),
    // Templates.
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ person.id }}\" },\n]", 3, "brands.demo.custom_fields.0.value", ROOTS),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ omneo.tier }\" },\n]", 3, "brands.demo.custom_fields.0.value", "`}}` is missing"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ omneo.tier | shout }}\" },\n]", 3, "brands.demo.custom_fields.0.value", "there is no filter `shout`"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"{{ 1 is wonderful }}\" },\n]", 3, "brands.demo.custom_fields.0.value", "there is no test `wonderful`"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"1\" },\n { name = \"a\", value = \"2\" },\n]", 4, "brands.demo.custom_fields.1.name", "is used twice"),
    ("[[brands.demo.custom_fields]]\nname = \"\"\nvalue = \"1\"", 2, "brands.demo.custom_fields.0.name", "must not be empty"),
    ("[brands.demo]\ncustom_fields = [\n { name = \"a\" },\n]", 3, "brands.demo.custom_fields.0", "`value` is missing"),
    ("[brands.demo.timeline.messages]\n\"omneo.order\" = \"{{ event.total | monney }}\"", 2, "brands.demo.timeline.messages.omneo.order", "there is no filter `monney`"),
    ("[brands.demo.timeline.messages]\n\"omneo.order\" = \"{% if event.total %}\"", 2, "brands.demo.timeline.messages.omneo.order", "`{% endif %}` is missing"),
    ("[brands.demo.timeline.messages]\nomneo.order = \"An order\"", 2, "brands.demo.timeline.messages.omneo", "quote the whole name"),
    ("[brands.demo.timeline]\nlimit = 0", 2, "brands.demo.timeline.limit", "between 1 and 1000"),
    ("[brands.demo.sources.omneo]\nevent_url = \"https://x/{{ events.id }}\"", 2, "brands.demo.sources.omneo.event_url", "Did you mean `event`?"),
    // Identity and sources.
    ("[brands.demo.identity]\nprecedence = [\n \"omneo.profile\",\n \"crm\",\n]", 4, "brands.demo.identity.precedence.1", KINDS),
    ("[brands.demo.identity]\none_record_per_person = [\"crm\"]", 2, "brands.demo.identity.one_record_per_person.0", KINDS),
    ("[brands.demo.identity]\nshared_value_threshold = 0", 2, "brands.demo.identity.shared_value_threshold", "at least 1"),
    ("[brands.demo.identity]\ncomponent_cap = 0", 2, "brands.demo.identity.component_cap", "at least 1"),
    ("[brands.demo.identity]\nblocked_values = [\n \"a@example.org\",\n \"hello\",\n]", 4, "brands.demo.identity.blocked_values.1", "e-mail address nor a phone number"),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = \"crm\"", 2, "brands.demo.sources.omnilab.external_id_kind", "must be \"\" or one of omneo.profile"),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = [\n \"omneo.profile\",\n \"crm\",\n]", 4, "brands.demo.sources.omnilab.external_id_kind.1", KINDS),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = [\"\"]", 2, "brands.demo.sources.omnilab.external_id_kind.0", KINDS),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = [\n \"omneo.profile\",\n \"omneo.profile\",\n]", 4, "brands.demo.sources.omnilab.external_id_kind.1", "is listed twice"),
    ("[brands.demo.sources.omnilab]\nexternal_id_kind = 5", 2, "brands.demo.sources.omnilab.external_id_kind", "such as \"omneo.profile\", or a list"),
    ("[brands.demo.sources.omneo.identity_kinds]\ncrm = \"crm\"", 2, "brands.demo.sources.omneo.identity_kinds.crm", KINDS),
    ("[brands.demo.sources.omnilab.pointers]\nemail = \"data.email\"", 2, "brands.demo.sources.omnilab.pointers.email", "starts with /, as in \"/data/email\""),
    ("[brands.demo.sources.syncaroo]\nwebhook_priorities = [\n { attribute = \"\", resource = \"*\", priority = \"drop\" },\n]", 3, "brands.demo.sources.syncaroo.webhook_priorities.0.attribute", "\"*\" matches any value"),
    ("[brands.demo.sources.syncaroo]\nwebhook_priorities = [\n { attribute = \"*\", resource = \"*\", priority = \"now\" },\n]", 3, "brands.demo.sources.syncaroo.webhook_priorities.0", "must be one of: \"high\", \"normal\", \"low\" or \"drop\""),
    ("[brands.demo.sources.syncaroo]\nwebhook_priorities = [\n { attribute = \"*\", priority = \"drop\" },\n]", 3, "brands.demo.sources.syncaroo.webhook_priorities.0", "`resource` is missing"),
    // Doors.
    ("[brands.demo.sources.omneo.webhook]\nverification = \"hash\"", 2, "brands.demo.sources.omneo.webhook.verification", "must be one of: \"signature\", \"secret\", \"none\" or \"\" for off"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"", 2, "brands.demo.sources.omneo.webhook.verification", "\"signature\" needs secrets, such as secrets = [{ env = \"NAME\" }]"),
    ("[brands.demo.sources.omniotap.webhook]\nverification = \"secret\"", 2, "brands.demo.sources.omniotap.webhook.verification", "\"secret\" needs secrets"),
    ("[brands.demo.sources.syncaroo.webhook]\nverification = \"hash\"", 2, "brands.demo.sources.syncaroo.webhook.verification", "\"hash\" needs secrets"),
    ("[brands.demo.sources.omnilab.webhook]\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 2, "brands.demo.sources.omnilab.webhook.secrets", "choose another verification"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"none\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omneo.webhook.secrets", "choose another verification"),
    ("[brands.demo.sources.omnilab.webhook]\nverification = \"none\"\nauthorization = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omnilab.webhook.authorization", "choose another verification"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [\n { env = \"CARGO_PKG_DESCRIPTION\" },\n { env = \"HOOKPOINT_NOT_SET\" },\n]", 5, "brands.demo.sources.omneo.webhook.secrets.1", "the environment variable HOOKPOINT_NOT_SET, which is not set"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ env = \"CARGO_PKG_VERSION\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "the secret in CARGO_PKG_VERSION needs at least 16 bytes"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ file = \"/nonexistent/secret\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "No such file"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ file = \"/dev/null\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "is empty"),
    ("[brands.demo.sources.omneo.api]\nbase_url = \"https://x.example\"\ntoken = [{ file = \"/dev/null\" }]", 3, "brands.demo.sources.omneo.api.token.0", "is empty"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ file = \"/dev/zero\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "more than 4096 bytes"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"secret\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omneo.webhook.secrets.0", "may contain only letters, digits"),
    ("[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [\"topsecret\"]", 3, "brands.demo.sources.omneo.webhook.secrets", "such as { env = \"NAME\" }"),
    ("[brands.demo.sources.omnilab.webhook]\nverification = \"signature\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]", 3, "brands.demo.sources.omnilab.webhook.secrets.0", "key_encoding = \"raw\""),
    ("[brands.demo.sources.omnilab.webhook]\ntolerance_seconds = 0", 2, "brands.demo.sources.omnilab.webhook.tolerance_seconds", "between 1 and 86400"),
    ("[brands.demo.sources.omnilab.webhook]\nauthorization_header = \"x auth\"", 2, "brands.demo.sources.omnilab.webhook.authorization_header", "such as \"x-signature\""),
    ("[brands.demo.sources.omniotap.webhook]\nsignature_header = \"\"", 2, "brands.demo.sources.omniotap.webhook.signature_header", "such as \"x-signature\""),
    ("[brands.demo.sources.omniotap.webhook]\nalgorithm = \"sha256\"", 2, "brands.demo.sources.omniotap.webhook.algorithm", "must be one of: \"hmac-sha256\", \"hmac-sha512\", \"hmac-sha1\" or \"hmac-md5\""),
    ("[brands.demo.sources.syncaroo.webhook]\nserialization = \"ruby\"", 2, "brands.demo.sources.syncaroo.webhook.serialization", "must be one of: \"compact\", \"php\", \"python\" or \"sorted\""),
    ("[brands.demo.sources.syncaroo.webhook]\nsecret_in = \"body\"", 2, "brands.demo.sources.syncaroo.webhook.secret_in", "must be one of: \"path\", \"query\" or \"header\""),
];

#[test]
fn a_mistake_is_told_with_file_line_key_and_what_would_be_right() {
    for (text, line, key, right) in MISTAKES {
        let told = mistakes(text);
        assert_eq!(told.len(), 1, "{text}\n{told:?}");
        let start = format!("brand.toml:{line}: {key}");
        assert!(told[0].starts_with(&start), "{text}\nbegins with {start}: {}", told[0]);
        assert!(told[0].contains(right), "{text}\nsays {right}: {}", told[0]);
    }
}

#[test]
fn a_credential_of_an_api_may_be_as_short_as_its_vendor_makes_it() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("short-credential");
    std::fs::write(&file, "x\n").unwrap();
    let oauth = "client_id = \"x\"\naudience = \"x\"\ntoken_url = \"/token\"\n";
    for (source, key, more) in [
        ("omneo", "token", ""),
        ("omniotap", "key", ""),
        ("omnilab", "client_secret", oauth),
        ("syncaroo", "client_secret", oauth),
    ] {
        for place in ["env = \"CARGO_PKG_VERSION\"".to_owned(), format!("file = {file:?}")] {
            let api = format!(
                "[brands.demo.sources.{source}.api]\nbase_url = \"https://x.example\"\n{more}{key} = [{{ {place} }}]\n"
            );
            assert_eq!(mistakes(&api), Vec::<String>::new(), "{api}");
        }
    }
}

#[test]
fn mistakes_of_all_brands_are_told_at_once() {
    let told = mistakes(
        "[limits]\nmax_tracked_networks = 0\n[brands.one]\nlocale = \"de\"\ntime_zone = \"X\"\n[brands.two]\nlocale = \"fr\"",
    );
    let places: Vec<String> =
        told.iter().map(|told| told.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "brand.toml:2 limits.max_tracked_networks",
        "brand.toml:4 brands.one.locale",
        "brand.toml:5 brands.one.time_zone",
        "brand.toml:7 brands.two.locale",
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_mistake_never_repeats_the_database_url() {
    for text in [
        "[database]\nurl = [\"postgres://u:secret@h/d\"]",
        "[database]\nurl = \"postgres://u:secret@h/d\"\nmax_connections = 0",
        "[database]\nurl = \"postgres://u:secret@h/d",
    ] {
        assert!(!mistakes(text).join("\n").contains("secret"), "{text}");
    }
}

#[test]
fn a_mistake_never_repeats_a_secret_that_stands_in_the_file() {
    let table = "[brands.demo.sources.omnilab.webhook]\nverification = \"signature\"\n";
    for list in [
        "\"topsecret\"",
        "[\"topsecret\"]",
        "[5, \"topsecret\"]",
        "[{ value = \"topsecret\" }]",
        "[{ env = \"A\", file = \"topsecret\" }]",
        "[{ env = [\"topsecret\"] }]",
        "[{ env = \"topsecret\" }]",
        "[{ file = \"topsecret\" }]",
        "[{ topsecret = \"x\" }]",
    ] {
        for text in [
            format!("{table}secrets = {list}"),
            format!(
                "{table}secrets = [{{ env = \"CARGO_PKG_DESCRIPTION\" }}]\nauthorization = {list}"
            ),
        ] {
            assert!(
                !mistakes(&text).join("\n").contains("topsecret"),
                "{text}: {:?}",
                mistakes(&text)
            );
        }
    }
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let told = Settings::load(Some(Path::new("/nonexistent/brand.toml"))).map(|_| ()).unwrap_err();
    assert!(
        in_words(&told).starts_with("/nonexistent/brand.toml: No such file"),
        "{}",
        in_words(&told)
    );
}
