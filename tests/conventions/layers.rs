//! Layers know only what is below them, and no files form a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Modules, imports};
use crate::source_files::files;

#[test]
fn layers_know_only_what_is_below_them() {
    let below: [(&str, &[&str]); 3] =
        [("customer", &[]), ("sources", &["customer"]), ("storage", &["customer"])];
    // Only the settings may read the environment, and the directories of commands are in it.
    let excepted = [("src/storage/embedded/binaries.rs", "settings", "environment")];
    let all = files("src", &["rs"]);
    let layers: BTreeSet<&str> = all.iter().map(|(file, _)| layer_of(file)).collect();
    let mut used = BTreeSet::new();
    for (file, text) in &all {
        let own = layer_of(file);
        for path in imports(file, text) {
            let name = |n: usize| path.get(n).map(String::as_str).unwrap_or_default();
            let (layer, item) = (name(0), name(1));
            if !layers.contains(layer) {
                continue;
            }
            if let Some(exception) =
                excepted.iter().find(|exception| **exception == (file.as_str(), layer, item))
            {
                used.insert(exception);
                continue;
            }
            let known = below
                .iter()
                .find(|(layer, _)| *layer == own)
                .is_none_or(|(_, known)| known.contains(&layer));
            assert!(layer == own || known, "{file} names {layer}: `{own}` is below it");
            // A lookup may have sources asked. Nothing else joins the two paths.
            let writes = |layer: &str| ["ingest", "inbox", "sync", "erasure"].contains(&layer);
            let is_search = (layer, item) == ("ingest", "live_search");
            let apart = (own == "lookup" && writes(layer) && !is_search)
                || (writes(own) && layer == "lookup");
            assert!(!apart, "{file} names {layer}: the read path and the write path stay apart");
            assert!(layer != "cli" || ["cli", "main"].contains(&own), "{file} names the commands");
            assert!(
                layer != "app" || ["app", "cli"].contains(&own),
                "{file} names the application, which knows everything"
            );
        }
    }
    assert_eq!(used.len(), excepted.len(), "an exception that nothing needs");
}

/// The layer that a file belongs to: `storage` for `src/storage/embedded/mod.rs`.
fn layer_of(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Circles that are still to be broken. Each is the list of its files.
const KNOWN: &[&[&str]] = &[
    &["src/customer/answer/presentation.rs", "src/customer/answer/template_check.rs"],
    &[
        "src/customer/identity/agreement.rs",
        "src/customer/model/folded_name.rs",
        "src/customer/model/folding.rs",
        "src/customer/model/name.rs",
    ],
    &["src/customer/identity/resolution.rs", "src/customer/identity/unconfirmed_records.rs"],
    &[
        "src/customer/model/event.rs",
        "src/customer/model/record.rs",
        "src/customer/model/unread.rs",
    ],
    &[
        "src/demo/systems/data.rs",
        "src/demo/systems/endpoint.rs",
        "src/demo/systems/omneo/mod.rs",
        "src/demo/systems/omnilab.rs",
        "src/demo/systems/omniotap.rs",
        "src/demo/systems/syncaroo.rs",
        "src/demo/systems/webhook_sender.rs",
    ],
    &["src/erasure/erase.rs", "src/erasure/purge_inbox.rs"],
    &["src/erasure/purge.rs", "src/ingest/apply.rs", "src/ingest/suppress.rs"],
    &[
        "src/lookup/brand_queue.rs",
        "src/lookup/coalescing.rs",
        "src/lookup/query_customers.rs",
        "src/lookup/read_through.rs",
        "src/lookup/repository.rs",
    ],
    &["src/settings/brands.rs", "src/settings/webhooks.rs"],
    &["src/sources/api.rs", "src/sources/secret.rs"],
    &["src/upstream/error.rs", "src/upstream/tls_error.rs"],
    &[
        "src/upstream/queue.rs",
        "src/upstream/rate_limit_headers.rs",
        "src/upstream/rate_limiter.rs",
    ],
];

/// Circles that are still to be broken, of a folder's `mod.rs` and its own children: it uses them, and they use it.
/// Each is the list of the folders that its files are in.
const KNOWN_OF_FOLDERS: &[&[&str]] = &[
    &["src/cli/"],
    &["src/demo/accuracy/"],
    &["src/demo/systems/"],
    &["src/settings/", "src/storage/"],
    &["src/sources/"],
    &["src/sync/"],
    &["src/upstream/"],
];

#[test]
fn no_files_form_a_circle() {
    let modules = Modules::of_this_crate();
    let mut uses = modules.uses();
    for (file, used) in &mut uses {
        if let Some(folder) = file.strip_suffix("mod.rs") {
            used.retain(|used, _| !used.starts_with(folder));
        }
    }
    let circles = circles(&uses);
    for circle in &circles {
        let is_known = KNOWN.iter().any(|known| circle.iter().all(|file| known.contains(file)));
        assert!(is_known, "files form a circle:\n{}", arrows_within(circle, &uses));
    }
    for known in KNOWN {
        let is_there = circles.iter().any(|circle| circle.iter().any(|file| known.contains(file)));
        assert!(is_there, "no circle any more, so take it out of KNOWN: {known:?}");
    }
}

#[test]
fn no_folder_forms_a_circle_with_its_files() {
    let modules = Modules::of_this_crate();
    let uses = modules.uses();
    let circles = circles(&uses);
    let is_within = |circle: &BTreeSet<&str>, known: &[&str]| {
        circle.iter().all(|file| known.iter().any(|folder| file.starts_with(folder)))
    };
    for circle in &circles {
        let is_known = KNOWN.iter().chain(KNOWN_OF_FOLDERS).any(|known| is_within(circle, known));
        assert!(is_known, "files form a circle:\n{}", arrows_within(circle, &uses));
    }
    for known in KNOWN_OF_FOLDERS {
        let is_there = circles.iter().any(|circle| is_within(circle, known));
        assert!(is_there, "no circle any more, so take it out of KNOWN_OF_FOLDERS: {known:?}");
    }
}

type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, BTreeSet<String>>>;

/// The sets of files that use each other, directly or over others.
fn circles<'a>(uses: &Uses<'a>) -> BTreeSet<BTreeSet<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        uses.keys().map(|file| (*file, reachable_from(file, uses))).collect();
    let circle_of = |file: &'a str| -> BTreeSet<&'a str> {
        reached[file].iter().copied().filter(|other| reached[other].contains(file)).collect()
    };
    uses.keys().map(|file| circle_of(file)).filter(|circle| !circle.is_empty()).collect()
}

/// All files that a file uses, directly or over others.
fn reachable_from<'a>(file: &str, uses: &Uses<'a>) -> BTreeSet<&'a str> {
    let (mut found, mut open) = (BTreeSet::new(), vec![file]);
    while let Some(file) = open.pop() {
        for used in uses[file].keys().copied() {
            if found.insert(used) {
                open.push(used);
            }
        }
    }
    found
}

fn arrows_within(circle: &BTreeSet<&str>, uses: &Uses<'_>) -> String {
    let mut text = String::new();
    for file in circle {
        for (used, items) in uses[file].iter().filter(|(used, _)| circle.contains(*used)) {
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            text.push_str(&format!("  {file} uses {used}: {}\n", items.join(", ")));
        }
    }
    text
}

#[test]
fn circles_are_found_over_several_files() {
    let uses: Uses<'_> = [("a", "b"), ("b", "c"), ("c", "b"), ("d", "a")]
        .into_iter()
        .map(|(file, used)| (file, BTreeMap::from([(used, BTreeSet::from(["x".to_owned()]))])))
        .collect();
    assert_eq!(circles(&uses), [["b", "c"].into()].into());
    assert_eq!(arrows_within(&["b", "c"].into(), &uses), "  b uses c: x\n  c uses b: x\n");
}
