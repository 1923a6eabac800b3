//! Mutated spellings of the corpus, and spellings read in another region.

use super::*;

/// The number of changes of every spelling in the corpus.
const MUTATIONS: usize = 4;

pub(super) const OTHER_REGIONS: [&str; 4] = ["NL", "US", "RU", "IT"];

/// Random numbers that are the same in every run (SplitMix64).
struct Rng(u64);

impl Rng {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }
}

/// Up to three mutations: a digit changed, inserted, removed or doubled, or a prefix or country code inserted anywhere.
fn mutated(line: &Line, rng: &mut Rng) -> String {
    const PREFIXES: [&str; 10] = ["0", "00", "1", "8", "9", "011", "06", "+", "15", "90"];
    let code = &line.e164[1..=1 + rng.roll(3)];
    let mut text: Vec<char> = line.spelling.chars().collect();
    for _ in 0..=rng.roll(3) {
        let places: Vec<usize> = (0..text.len()).filter(|&i| text[i].is_ascii_digit()).collect();
        let Some(&place) = places.get(rng.roll(places.len().max(1))) else { break };
        let digit = char::from(b'0' + rng.roll(10) as u8);
        match rng.roll(8) {
            0 | 1 => text[place] = digit,
            2 => text.insert(place, digit),
            3 => drop(text.remove(place)),
            4 => text.insert(place, text[place]),
            5 => drop(text.splice(0..0, code.chars())),
            6 => drop(text.splice(place..place, PREFIXES[rng.roll(PREFIXES.len())].chars())),
            _ => drop(text.splice(0..0, PREFIXES[rng.roll(PREFIXES.len())].chars())),
        }
    }
    text.into_iter().collect()
}

/// Text in E.164 must be its own key, whatever the oracle returns.
fn is_its_own_key(spelling: &str) -> bool {
    let spelling: String = spelling.nfkc().collect();
    let spelling = spelling.trim();
    is_e164_shaped(spelling.strip_prefix("tel:").unwrap_or(spelling))
}

/// The reason if our key for a spelling is another number than the oracle's.
pub(super) fn disagreement(spelling: &str, region: &str) -> Result<bool, String> {
    let (Some(key_of_ours), Some(number)) = (ours(spelling, region), oracle(spelling, region))
    else {
        return Ok(false);
    };
    if !is_valid(&number) || is_its_own_key(spelling) {
        return Ok(false);
    }
    let theirs = key(&number);
    if key_of_ours == theirs {
        Ok(true)
    } else {
        Err(format!("{region} {spelling:?}: {key_of_ours}, not {theirs}"))
    }
}

#[test]
fn a_mutated_spelling_is_never_another_number_than_the_oracles() {
    let corpus = corpus();
    let mut rng = Rng(20_240_229);
    let (mut agreed, mut wrong) = (0, Vec::new());
    // Region by region: the plans' expressions are compiled into a cache for a few regions only.
    for line in &corpus {
        for _ in 0..MUTATIONS {
            let spelling = mutated(line, &mut rng);
            match disagreement(&spelling, &line.region) {
                Ok(both) => agreed += usize::from(both),
                Err(what) => wrong.push(what),
            }
        }
    }
    println!("{agreed} agreed");
    assert!(wrong.is_empty(), "{} wrong, {agreed} agreed:\n{}", wrong.len(), wrong.join("\n"));
    assert!(agreed > 1000, "only {agreed} were accepted by both");
}

#[test]
fn a_spelling_read_in_another_region_is_never_another_number_than_the_oracles_there() {
    let mut wrong = Vec::new();
    for line in corpus() {
        for region in OTHER_REGIONS {
            wrong.extend(disagreement(&line.spelling, region).err());
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
