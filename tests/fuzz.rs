//! Runs every target of the fuzzer over its seeds and its committed corpus. `tests/fuzz/README.md` says how to fuzz
//! further.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::as_conversions,
    clippy::string_slice
)]

#[path = "fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;

use targets::{TARGETS, Target, fixtures};

/// Findings are added permanently, so the corpus must stay small.
const MOST_BYTES: usize = 300_000;

fn corpus(target: &Target) -> Vec<(String, Vec<u8>)> {
    let directory = fixtures().join("fuzz").join(target.name);
    let files =
        std::fs::read_dir(&directory).unwrap_or_else(|_| panic!("{} has no corpus", target.name));
    let paths: BTreeSet<_> = files.map(|entry| entry.unwrap().path()).collect();
    paths
        .into_iter()
        .map(|path| (path.display().to_string(), std::fs::read(path).unwrap()))
        .collect()
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    assert!(seeds.len() >= 5, "{name} has next to no seeds");
    for seed in &seeds {
        // Cut and damaged, like the first inputs of a fuzzer.
        for input in [
            &seed[..],
            &seed[..seed.len() / 2],
            &seed[seed.len() / 3..],
            &[seed, &b"\xff\0"[..]].concat(),
        ] {
            (target.check)(input);
        }
    }
    for (file, input) in corpus(target) {
        let checked = std::panic::catch_unwind(|| (target.check)(&input));
        assert!(checked.is_ok(), "{name} fails on {file}");
    }
}

macro_rules! each {
    ($($test:ident $name:literal)+) => {
        $(#[test]
        fn $test() {
            run($name);
        })+

        #[test]
        fn every_target_is_run_and_its_corpus_is_small() {
            assert_eq!(TARGETS.map(|target| target.name), [$($name),+]);
            let found: BTreeSet<String> =
                std::fs::read_dir(fixtures().join("fuzz")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            assert_eq!(found, TARGETS.map(|target| target.name.to_owned()).into(), "a corpus of no target");
            let bytes: usize = TARGETS.iter().flat_map(corpus).map(|(_, input)| input.len()).sum();
            assert!((1..=MOST_BYTES).contains(&bytes), "{bytes} bytes: minimise the corpus");
        }
    };
}

each! {
    queries_keep_their_promises "query"
    phone_numbers_keep_their_promises "phone"
    email_addresses_keep_their_promises "email"
    forwarded_headers_keep_their_promises "forwarded"
    deliveries_of_omniotap_keep_their_promises "omniotap"
    deliveries_of_omneo_keep_their_promises "omneo"
    deliveries_of_omnilab_keep_their_promises "omnilab"
    deliveries_of_syncaroo_keep_their_promises "syncaroo"
    verifications_keep_their_promises "verification"
}
