//! The entry point for libFuzzer. `HOOKPOINT_FUZZ_TARGET` names the target. `HOOKPOINT_FUZZ_SEEDS` names the directory
//! for its seeds, which are written before libFuzzer reads its directories, with a dictionary of their words. `run`
//! sets both.
#![no_main]
// It reads environment variables, because its arguments belong to libFuzzer.
#![allow(clippy::disallowed_methods)]

mod targets;

use std::collections::BTreeSet;
use std::sync::OnceLock;

static CHECK: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("HOOKPOINT_FUZZ_TARGET").expect("HOOKPOINT_FUZZ_TARGET names a target");
        let target = targets::TARGETS.iter().find(|target| target.name == name).expect("there is a target of that name");
        if let Ok(directory) = std::env::var("HOOKPOINT_FUZZ_SEEDS") {
            write_seeds(&directory, &(target.seeds)());
        }
        CHECK.get_or_init(|| target.check);
    },
    |data: &[u8]| CHECK.get().expect("a target was chosen")(data)
);

fn write_seeds(directory: &str, seeds: &[Vec<u8>]) {
    for (n, seed) in seeds.iter().enumerate() {
        std::fs::write(format!("{directory}/{n}"), seed).expect("seeds can be written");
    }
    // Without a sanitizer libFuzzer does not see compared texts, so it gets a dictionary.
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b".:_-@%".contains(byte);
    let words: BTreeSet<&[u8]> = seeds
        .iter()
        .flat_map(|seed| seed.split(|byte| !is_word(byte)))
        .filter(|word| (3..=24).contains(&word.len()))
        .collect();
    let lines: String =
        words.into_iter().map(|word| format!("\"{}\"\n", word.escape_ascii())).collect();
    std::fs::write(format!("{directory}.dict"), lines).expect("the dictionary can be written");
}
