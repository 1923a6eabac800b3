//! libFuzzer's way in: `HOOKPOINT_FUZZ_TARGET` says which target, `HOOKPOINT_FUZZ_SEEDS` where its seeds are to be written
//! before libFuzzer reads its directories, with a dictionary of their words beside them. `run` sets both.
#![no_main]
// It is told by its environment what to do: its arguments are libFuzzer's.
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
    // Without a sanitizer libFuzzer doesn't see what texts are compared with, so it is told the words.
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b".:_-@%".contains(byte);
    let words: BTreeSet<&[u8]> =
        seeds.iter().flat_map(|seed| seed.split(|byte| !is_word(byte))).filter(|word| (3..=24).contains(&word.len())).collect();
    let lines: String = words.into_iter().map(|word| format!("\"{}\"\n", word.escape_ascii())).collect();
    std::fs::write(format!("{directory}.dict"), lines).expect("the dictionary can be written");
}
