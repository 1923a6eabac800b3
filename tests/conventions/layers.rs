//! Layers know only what is below them, and no files form a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::{Modules, imports};
use crate::source_files::files;

#[test]
fn layers_know_only_what_is_below_them() {
    let below: [(&str, &[&str]); 6] = [
        ("backoff", &[]),
        ("certificate_problem", &[]),
        ("counted", &[]),
        ("customer", &[]),
        ("sources", &["customer", "counted"]),
        ("storage", &["customer", "backoff", "certificate_problem"]),
    ];
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

#[test]
fn no_files_form_a_circle() {
    let modules = Modules::of_this_crate();
    let uses = modules.uses();
    let circles: Vec<String> =
        circles(&uses).iter().map(|circle| arrows_within(circle, &uses)).collect();
    assert!(circles.is_empty(), "files form a circle:\n{}", circles.join("\n\n"));
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
