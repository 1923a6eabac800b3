//! The field's words. This code base once had names of its own for things that have a standard name. None may come back.

use std::path::Path;

use crate::source_files::{code_of, files, words};

/// Old names of types, functions, constants and variables.
#[rustfmt::skip]
const IDENTIFIERS: &[&str] = &[
    "ALONE_FROM",
    "Account",
    "Accounts",
    "Admitted",
    "Alone",
    "Anybody",
    "Background",
    "Beat",
    "Budget",
    "CLASSES",
    "Class",
    "Connect",
    "DIALLED",
    "Departure",
    "Dialled",
    "Distrust",
    "Door",
    "DoorRow",
    "Doorway",
    "Doorways",
    "Doubt",
    "Epoch",
    "Flight",
    "FlightLimits",
    "Flights",
    "Gate",
    "Gathered",
    "Grounds",
    "Happening",
    "Heard",
    "Hearing",
    "HintRow",
    "Hookpoint",
    "Incoming",
    "Journey",
    "Keyring",
    "KnownAddress",
    "LAST_WORDS",
    "LONGEST_HINT",
    "Landed",
    "Learned",
    "LedgerFile",
    "LedgerHash",
    "LedgerHasher",
    "LedgerKey",
    "MOST_UNDER_WAY",
    "Mandate",
    "NEWS",
    "Neighbourhood",
    "NeverEnded",
    "Parcel",
    "Passenger",
    "Picker",
    "Prover",
    "Purse",
    "RHYTHM",
    "Reach",
    "Readers",
    "Receipts",
    "Reception",
    "SEATS",
    "SORTS",
    "Sameness",
    "Searched",
    "Searcher",
    "Sifted",
    "Speaker",
    "Spot",
    "Standing",
    "Survey",
    "Suspect",
    "Throttled",
    "Tower",
    "Turned",
    "UNSAID",
    "Unnamed",
    "Urgency",
    "WHEN_HELD",
    "WHILE_HELD",
    "Wakes",
    "Walk",
    "Walker",
    "Whom",
    "ask_together",
    "begin_beside",
    "calls_under_way",
    "catch_up",
    "clear_inbox",
    "confirmations",
    "convict",
    "depart_alone",
    "fate",
    "find_together",
    "flight",
    "fly_together",
    "happening",
    "has_old",
    "hints",
    "hold_deliveries",
    "hopeless",
    "is_deaf",
    "is_driven",
    "is_needed",
    "is_partial",
    "keep_in_step",
    "kept_headers",
    "keyring",
    "let_others_go",
    "list_actions",
    "look_again",
    "look_of",
    "may_depart",
    "may_heal",
    "needs_driver",
    "needs_of_id",
    "passenger",
    "passengers",
    "reconcile_ledger",
    "run_sifted",
    "run_within",
    "set_deaf",
    "sieve",
    "sift",
    "sort_of",
    "start_patiently",
    "suspects",
    "take_in",
    "take_off",
    "tell_apart",
    "unerase_row",
    "untried",
    "upkeep",
    "urgency",
    "write_ledger",
];

/// Old names of tables, columns, settings, metrics and their labels.
#[rustfmt::skip]
const STORED: &[&str] = &[
    "answer_ms",
    "break_after",
    "break_seconds",
    "caught_up_at",
    "changes_minutes",
    "complete_at",
    "delivery_keys",
    "delivery_subjects",
    "derived_with",
    "first_byte_ms",
    "heard_at",
    "hookpoint_account_open",
    "hookpoint_deaf",
    "hookpoint_erased_changes_total",
    "hookpoint_hearing_seconds",
    "hookpoint_live_total",
    "hookpoint_miss_alarms_total",
    "hookpoint_misses_total",
    "hookpoint_reviews",
    "hookpoint_sweep_records_left",
    "hookpoint_sync_missed_total",
    "hookpoint_sync_walked",
    "keep_ids_days",
    "ledger_file",
    "ledger_key",
    "left_alone",
    "looked_at",
    "max_gone_percent",
    "misses_per_minute",
    "pass_id",
    "refused_at",
    "refused_in_a_row",
    "refused_since",
    "shared_above",
    "shared_lines",
    "sightings",
    "sweep_after",
    "sweep_with",
    "unknown_cache_seconds",
    "unknown_seconds",
    "waiting_megabytes",
    "whole_ms",
];

/// Old names of files and modules.
#[rustfmt::skip]
const FILES: &[&str] = &[
    "after",
    "arrivals",
    "capped",
    "census",
    "correction",
    "cost",
    "dialling",
    "dice",
    "doors",
    "erasing",
    "flight",
    "floors",
    "forgetting",
    "gate",
    "gather",
    "guests",
    "handshake",
    "happening",
    "hearing",
    "holds",
    "house",
    "kind",
    "ledger",
    "looks",
    "mentions",
    "neighbourhood",
    "partition",
    "passes",
    "picker",
    "places_heard",
    "receipts",
    "room",
    "sieve",
    "sightings",
    "stand",
    "together",
    "upkeep",
    "watch",
];

#[test]
fn no_identifier_is_a_private_word() {
    for (file, text) in all_code() {
        let found = words(&code_of(&text));
        let old: Vec<&&str> = IDENTIFIERS.iter().filter(|word| found.contains(**word)).collect();
        assert!(old.is_empty(), "{file} has old names: {old:?}");
    }
}

#[test]
fn no_table_column_setting_or_metric_has_an_old_name() {
    let documents = files("deploy", &["md", "toml"])
        .into_iter()
        .chain(files("migrations", &["sql"]))
        .chain(files("fixtures", &["toml"]));
    let own = |file: &str| file == "tests/conventions/vocabulary.rs";
    for (file, text) in all_code().into_iter().chain(documents).filter(|(file, _)| !own(file)) {
        let found = words(&text);
        let old: Vec<&&str> = STORED.iter().filter(|word| found.contains(**word)).collect();
        assert!(old.is_empty(), "{file} has old names: {old:?}");
    }
}

#[test]
fn no_file_has_an_old_name() {
    for (file, _) in all_code() {
        let stem = Path::new(&file).file_stem().unwrap().to_str().unwrap();
        assert!(!FILES.contains(&stem), "{file}: an old name");
    }
}

fn all_code() -> Vec<(String, String)> {
    ["src", "tests", "benches"]
        .into_iter()
        .flat_map(|directory| files(directory, &["rs", "sql"]))
        .collect()
}
