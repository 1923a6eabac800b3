//! The check of the settings finds all mistakes at once, in the order of lines, and no consequences of them.

use std::collections::BTreeSet;
use std::path::Path;

use hookpoint::customer::answer::filters::Locale;
use hookpoint::customer::model::source::Source;
use hookpoint::settings::{Checked, Mistake, SecretAccess};
use hookpoint::sources::SourceSettings;

fn check(text: &str) -> Checked {
    Checked::parse(text, Path::new("brand.toml"), SecretAccess::Read)
}

/// `2 server.listen` for each mistake.
fn places(mistakes: &[Mistake]) -> Vec<String> {
    let place = |mistake: &Mistake| {
        let text = mistake.to_string();
        let mut parts = text.strip_prefix("brand.toml:").unwrap().split(": ");
        format!("{} {}", parts.next().unwrap(), parts.next().unwrap())
    };
    mistakes.iter().map(place).collect()
}

fn in_words(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_lines() {
    for (text, expected) in [
        // Types, in several tables.
        (
            "[server]\nworkers = \"4\"\nlisten = 5\n[lookup]\ndeadline_ms = true\n[telemetry]\nformat = 1\nlevel = \"loud\"",
            &[
                "2 server.workers",
                "3 server.listen",
                "5 lookup.deadline_ms",
                "7 telemetry.format",
                "8 telemetry.level",
            ][..],
        ),
        // Elements of lists keep their numbers.
        (
            "[server]\nallowed_networks = [\n \"10.0.0.0/33\",\n \"192.0.2.0/24\",\n 5,\n \"nginx\",\n]",
            &[
                "3 server.allowed_networks.0",
                "5 server.allowed_networks.2",
                "6 server.allowed_networks.3",
            ],
        ),
        (
            "[brands.demo.identity]\nblocked_values = [\n 5,\n \"a@example.org\",\n \"hello\",\n]",
            &["3 brands.demo.identity.blocked_values.0", "5 brands.demo.identity.blocked_values.2"],
        ),
        // Unknown keys and tables, with a value of a wrong type.
        (
            "[sever]\nlisten = \"x\"\n[server]\nhost = \"x\"\nport = 1\nworkers = -1\n[brand.demo]",
            &["1 sever", "4 server.host", "5 server.port", "6 server.workers", "7 brand"],
        ),
        // A list of tables for a table.
        ("[[server]]\nworkers = 1\n[[brands.demo]]", &["1 server", "3 brands.demo"]),
        // Names with fixed values, in both sources.
        (
            "[brands.demo.sources.omneo.webhook]\nverification = \"hmac\"\n[brands.demo.sources.omnilab.webhook]\nverification = \"signatur\"",
            &[
                "2 brands.demo.sources.omneo.webhook.verification",
                "4 brands.demo.sources.omnilab.webhook.verification",
            ],
        ),
        // Templates, also several mistakes in one, and beside a wrong zone.
        (
            "[brands.demo]\ntime_zone = \"X\"\ncustom_fields = [\n { name = \"a\", value = \"{{ omneo.tier \" },\n { name = \"b\", value = \"{{ x | dat }}\" },\n { name = \"b\", value = \"\" },\n]",
            &[
                "2 brands.demo.time_zone",
                "4 brands.demo.custom_fields.0.value",
                "5 brands.demo.custom_fields.1.value",
                "5 brands.demo.custom_fields.1.value",
                "6 brands.demo.custom_fields.2.name",
            ],
        ),
        // Elements that are no table, or lack a key, or misspell it.
        (
            "[brands.demo]\ncustom_fields = [\n \"tier\",\n { nam = \"a\", value = \"{{ y }}\" },\n { name = \"b\" },\n { name = 5, value = 6 },\n]",
            &[
                "3 brands.demo.custom_fields.0",
                "4 brands.demo.custom_fields.1.nam",
                "4 brands.demo.custom_fields.1.value",
                "5 brands.demo.custom_fields.2",
                "6 brands.demo.custom_fields.3.name",
                "6 brands.demo.custom_fields.3.value",
            ],
        ),
        // Secrets of a source whose other settings are wrong.
        (
            "[brands.demo.sources.omneo.api]\nbase_url = \"x\"\ncalls_per_minute = 0\ntoken = [{ env = \"HOOKPOINT_NOT_SET\" }]",
            &[
                "2 brands.demo.sources.omneo.api.base_url",
                "3 brands.demo.sources.omneo.api.calls_per_minute",
            ],
        ),
        // Syntax and the rest of the file.
        (
            "[server]\nlisten = \"x\nworkers = -1\n[lookup]\npath 5\nmax_customers = 0\n[lookup]\n",
            &[
                "2 server.listen",
                "3 server.workers",
                "5 lookup.path",
                "6 lookup.max_customers",
                "7 [lookup]",
            ],
        ),
        (
            "server]\nworkers = -1\nlisten: \"x\"\nhost \"y\"\n[lookup\nmax_customers = 0\n[limits]\nlookups_per_second = 0",
            &[
                "1 [server]",
                "2 server.workers",
                "3 server.listen",
                "4 server.host",
                "5 [lookup]",
                "6 lookup.max_customers",
                "8 limits.lookups_per_second",
            ],
        ),
        (
            "[server]\nallowed_networks = [\n \"10.0.0.0/33\", # ours\n\n[lookup]\nmax_customers = 0",
            &["2 server.allowed_networks", "3 server.allowed_networks.0", "6 lookup.max_customers"],
        ),
    ] {
        let checked = check(text);
        assert_eq!(places(&checked.mistakes), expected, "{text}\n{}", in_words(&checked.mistakes));
    }
}

#[test]
fn the_consequence_of_a_mistake_is_no_second_mistake() {
    for text in [
        // What the wrong key or value would have said.
        "[brands.demo.sources.omneo.webhook]\nverification = \"signatur\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]",
        "[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecret = [{ env = \"CARGO_PKG_DESCRIPTION\" }]",
        "[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = \"topsecret\"",
        "[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets [{ env = \"A_B\" }]",
        "[brands.demo.sources.omneo.api]\ntoken = [{ env = \"CARGO_PKG_VERSION\" }]\nbase_url = 5",
        "[brands.demo.sources.omnilab.webhook]\nverification = \"signature\"\nkey_encoding = \"rw\"\nsecrets = [{ env = \"CARGO_PKG_DESCRIPTION\" }]",
        "[brands.demo.sources.syncaroo]\nwebhook_priorities = [{ attribut = \"x\", resource = \"*\", priority = \"high\" }]",
        "[brands.demo.sources.syncaroo]\nwebhook_priorities = [{ attribute = \"x\", resource = \"*\", priority = 5 }]",
        "[inbox]\nretention_days = \"100\"\ndedup_retention_days = 20",
        "[server]\nlisten = 8080\nmetrics_listen = \"127.0.0.1:8080\"",
        "[brands.demo.sources.omniotap.api]\nbase_url = \"https://api.<tenant>.com\"\nkey = [{ env = \"CARGO_PKG_VERSION\" }]",
        "brands = 5",
        // A list, a text or a table without an end.
        "[server]\nlisten = \"127.0.0.1:1\"\nallowed_networks = [\n \"10.0.0.0/8\",\n\n[lookup]\nmax_customers = 5\n[brands.demo]\nlocale = \"nl\"",
        "[server]\nlisten = \"\"\"127.0.0.1:1\n[lookup]\nmax_customers = 5\n",
        "[[server\nworkers = 1\nlisten = \"127.0.0.1:1\"\n[brands.demo]",
        "[brands.<name>]\nlocale = \"nl\"",
        "[server]\nlisten: \"127.0.0.1:1\"",
    ] {
        let checked = check(text);
        let found: Vec<Mistake> = checked.mistakes.into_iter().chain(checked.missing).collect();
        assert_eq!(found.len(), 1, "{text}\n{}", in_words(&found));
        let warnings = in_words(&checked.warnings);
        assert!(warnings.is_empty() || warnings.ends_with("such as [brands.example]"), "{text}");
    }
}

#[test]
fn syntax_is_explained_in_plain_words() {
    for (text, line, part) in [
        ("[server]\nlisten = 127.0.0.1:8080", 2, "a text must be quoted"),
        ("[server]\nlisten = “x”", 2, "straight quotes"),
        ("[server]\nlisten = 'x\n", 2, "the closing quote is missing"),
        ("[server]\nlisten: \"x\"", 2, "with = and not with a colon"),
        ("[server]\nlisten \"x\"", 2, "`=` is missing"),
        ("server]\nlisten = \"x\"", 1, "`[` is missing at the beginning"),
        ("[[server]\nworkers = 1", 1, "`]` is missing"),
        ("// old\n[server]", 1, "a comment begins with #"),
        ("[database]\ndownload_postgres = True", 2, "in lower-case letters"),
        ("[server]\nworkers = 08", 2, "may not begin with 0"),
        ("[server]\nworkers = 4,", 2, "one comma too many"),
        ("[server] workers = 4", 1, "begin on the next line"),
        ("[server]\nallowed_networks = [\"10.0.0.0/8\" \"192.0.2.1\"]", 2, "a comma is missing"),
        ("[brands.demo]\ncustom_fields = [\n { name = \"a\", value = \"b\" }", 2, "`]` is missing"),
        ("[brands.<brand>]", 1, "Replace the placeholder in < >"),
        ("[brands.demo]\nlocale = \"a\\q\"", 2, "write \\\\ for a backslash"),
        ("[server]\nworkers = 1\n[lookup]\n[ server ]", 4, "the first time is on line 1"),
    ] {
        let checked = check(text);
        let words = in_words(&checked.mistakes);
        assert!(
            words.starts_with(&format!("brand.toml:{line}: ")) && words.contains(part),
            "{text}\n{words}"
        );
        assert!(!words.contains("expected"), "{words}");
    }
}

#[test]
fn a_near_name_is_suggested() {
    for (text, near) in [
        ("[server]\nlisten_address = \"x\"", "Did you mean `listen`?"),
        ("[sever]", "Did you mean `[server]`?"),
        ("[brand.demo]", "Did you mean `[brands]`?"),
        ("[brands.demo.source.omneo]", "Did you mean `[brands.demo.sources]`?"),
        ("[brands.demo.sources.omnio]", "Did you mean `[brands.demo.sources.omniotap]`?"),
        ("[server]\nmax_waiting = 5", "it belongs in [lookup]"),
        ("[brands.demo]\nhide = []", "it belongs in [brands.demo.timeline]"),
        (
            "[brands.demo.sources.omneo]\nsecrets = []",
            "it belongs in [brands.demo.sources.omneo.webhook]",
        ),
        (
            "[brands.demo.sources.omneo.webhook]\nverification = \"signed\"",
            "Did you mean \"signature\"?",
        ),
        ("[telemetry]\nlevel = \"warning\"", "Did you mean `warn`?"),
        ("[brands.demo]\ntime_zone = \"Europe/Amsterdm\"", "Did you mean `Europe/Amsterdam`?"),
        (
            "[brands.demo.identity]\nprecedence = [\"omneo.profiles\"]",
            "Did you mean `omneo.profile`?",
        ),
        (
            "[brands.demo]\ncustom_fields = [{ name = \"a\", value = \"{{ omneo.x | dat }}\" }]",
            "Did you mean `date`?",
        ),
        (
            "[brands.demo]\ncustom_fields = [{ name = \"a\", value = \"{{ omnio.x }}\" }]",
            "Did you mean `omniotap`?",
        ),
        (
            "[brands.demo]\ncustom_fields = [{ name = \"a\", value = \"{{ 1 is defind }}\" }]",
            "Did you mean `defined`?",
        ),
        (
            "[brands.demo]\ncustom_fields = [{ name = \"a\", value = \"{% iff x %}\" }]",
            "Did you mean `if`?",
        ),
    ] {
        let words = in_words(&check(text).mistakes);
        assert!(words.contains(near), "{text}\nsuggests {near}: {words}");
    }
}

#[test]
fn what_is_valid_but_probably_wrong_is_a_warning() {
    let field = |value: &str| {
        format!("[brands.demo]\ncustom_fields = [{{ name = \"a\", value = '{value}' }}]")
    };
    for (text, part) in [
        (
            "[brands.demo.timeline]\nhide = [\"omnilab.page_visit\"]".to_owned(),
            "Did you mean `omnilab.touchpoint.page_visit`?",
        ),
        (
            "[brands.demo.timeline]\nhide = [\"omneo.purchases\"]".to_owned(),
            "its types are omneo.transaction",
        ),
        (
            "[brands.demo.timeline]\nhide = [\"hubspot.deal\"]".to_owned(),
            "no source has events of the type \"hubspot.deal\"",
        ),
        (
            "[brands.demo.timeline.messages]\n\"omneo.transactions\" = \"x\"".to_owned(),
            "Did you mean `omneo.transaction`?",
        ),
        (
            "[brands.demo.timeline.messages]\n\"omneo.order\" = \"{{ event.totl }}\"".to_owned(),
            "Did you mean `total`?",
        ),
        (
            "[brands.demo.sources.syncaroo]\nevent_url = \"https://x/{{ event.order_number }}\""
                .to_owned(),
            "events of syncaroo have no `event.order_number`",
        ),
        (field("{{ omneo.teir }}"), "Did you mean `tier`?"),
        (field("{% if omniotap[\"segmnt\"] %}x{% endif %}"), "Did you mean `segment`?"),
        (
            field("{{ omneo.favorite_color }}"),
            "an attribute of your own is written custom_favorite_color",
        ),
        (field("{{ attributes.compny | default(omneo.tier) }}"), "Did you mean `company`?"),
        (field("{{ customer.firstname }}"), "Did you mean `first_name`?"),
        (
            "[brands.demo.precedence]\nlast_nam = [\"omneo.profile\"]".to_owned(),
            "Did you mean `last_name`?",
        ),
        (
            "[brands.demo]\nreference_ids = [\"omneo.transaction.ordernumber\"]".to_owned(),
            "Did you mean `omneo.transaction.order_number`?",
        ),
        (
            "[brands.demo.sources.omniotap.api]\ncalls_per_minute = 600".to_owned(),
            "60 calls per minute",
        ),
        ("[server]\nworkers = 1".to_owned(), "there is no brand"),
        (field("{{ agent_page }}"), "agent_page.mode is \"off\""),
        (
            "[brands.demo.agent_page]\nmode = \"link\"".to_owned(),
            "only work on this machine, because server.public_url is empty",
        ),
        (
            "[brands.demo.agent_page]\nmode = \"login\"".to_owned(),
            "only work on this machine, because console.public_url is empty",
        ),
    ] {
        let checked = check(&text);
        assert_eq!(in_words(&checked.mistakes), "", "{text}");
        let words = in_words(&checked.warnings);
        assert!(
            words.contains(part) && checked.warnings.len() == 1,
            "{text}\nsays {part}: {words}"
        );
        assert!(
            words.starts_with("brand.toml") && checked.into_settings().is_ok(),
            "{text}: {words}"
        );
    }
}

#[test]
fn names_that_exist_are_no_warning() {
    let text = r#"
[server]
public_url = "https://api.brand.nl"
[brands.demo]
reference_ids = ["omneo.identity.loyalty_card", "omniotap.customer_number"]
agent_page = { mode = "link" }
custom_fields = [
    { name = "c", value = "{{ agent_page }}" },
    { name = "a", value = "{{ omneo.custom_x }}{{ omneo['custom_a-b'] }}{{ attributes.custom_x }}{{ omneo.tags | join }}" },
    { name = "b", value = "{% for tag in omneo.tags %}{{ tag.name }}{{ loop.index }}{% endfor %}{{ customer.id }}" },
]
[brands.demo.precedence]
company = ["omniotap.contact"]
custom_x = ["omneo.profile"]
[brands.demo.timeline]
hide = ["omnilab.touchpoint.page_visit", "syncaroo.booking"]
[brands.demo.timeline.messages]
default = "{{ event.type }} {{ event.resource }} {{ event.order_number }}"
"omnilab.booking" = "{{ event.id }} {{ event.activity }}"
[brands.demo.sources.omniotap.api]
calls_per_minute = 60
[brands.demo.sources.omneo.api]
calls_per_minute = 6000
"#;
    let checked = check(text);
    assert_eq!(in_words(&checked.mistakes) + &in_words(&checked.warnings), "");
}

#[test]
fn every_event_type_of_a_source_has_a_message() {
    let sources = SourceSettings::default();
    let names = |source| sources.parser(source).template_names().event_types;
    let mut types: BTreeSet<&str> = Source::ALL.into_iter().flat_map(names).copied().collect();
    types.insert("default");
    let messages = Locale::English.messages();
    assert_eq!(types, messages.keys().map(String::as_str).collect());
}

#[test]
fn without_secrets_nothing_is_read_and_everything_else_is_checked() {
    let text = "[database]\nurl_file = \"/nonexistent/url\"\n[server]\nworkers = -1\n[brands.demo.sources.omneo.webhook]\nverification = \"signature\"\nsecrets = [{ env = \"HOOKPOINT_NOT_SET\" }, { file = \"/nonexistent/secret\" }]\n[brands.demo.sources.omneo.api]\nbase_url = \"x\"\ntoken = [{ env = \"HOOKPOINT_NOT_SET\" }]";
    let checked = Checked::parse(text, Path::new("brand.toml"), SecretAccess::None);
    let mistakes = ["4 server.workers", "9 brands.demo.sources.omneo.api.base_url"];
    assert_eq!(places(&checked.mistakes), mistakes, "{}", in_words(&checked.mistakes));
    let unread = [
        "2 database.url_file",
        "7 brands.demo.sources.omneo.webhook.secrets.0",
        "7 brands.demo.sources.omneo.webhook.secrets.1",
        "10 brands.demo.sources.omneo.api.token.0",
    ];
    assert_eq!(places(&checked.missing), unread);
    assert!(in_words(&checked.missing).contains("the environment variable HOOKPOINT_NOT_SET"));
}
