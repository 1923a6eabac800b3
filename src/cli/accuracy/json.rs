//! The figures of `hookpoint accuracy`, for scripts.

use serde_json::{Value, json};

use super::Measured;
use crate::demo::accuracy::Figures;
use crate::demo::population::situation::Situation;

impl Measured<'_> {
    pub(super) fn as_json(&self) -> Value {
        let (population, accuracy) = (self.population, self.accuracy);
        let [generated, resolved] = self.took.map(|took| took.as_secs_f64());
        let joined = accuracy.joined.iter().map(|(level, joined)| {
            json!({ "level": level.as_str(), "right": joined.right, "wrong": joined.wrong })
        });
        let kept_apart = accuracy.kept_apart.iter().map(|((level, conflict), apart)| {
            json!({
                "level": level.as_str(),
                "conflict": conflict,
                "reviews": apart.reviews,
                "of_one_person": apart.of_one_person,
            })
        });
        json!({
            "seed": self.seed,
            "people": population.people,
            "couples": population.people_and_couples.saturating_sub(population.people),
            "records": population.truth.len(),
            "customers": accuracy.customers,
            "generated_seconds": generated,
            "resolved_seconds": resolved,
            "plain": figures(&accuracy.overall.plain),
            "hard": figures(&accuracy.overall.hard),
            "alike": figures(&accuracy.indistinguishable),
            "situations": self.situations(),
            "linked_by": joined.collect::<Vec<_>>(),
            "kept_apart": kept_apart.collect::<Vec<_>>(),
            "own_addresses": {
                "addresses": accuracy.lookups.addresses,
                "several": accuracy.lookups.several,
                "none": accuracy.lookups.none,
            },
            "forged_forms": {
                "forms": self.forged.forms,
                "with_the_victim": self.forged.with_the_victim,
                "changed": self.forged.changed,
            },
        })
    }

    fn situations(&self) -> Vec<Value> {
        let of_situation = |(situation, name): (Situation, &str)| {
            let parts = self.accuracy.situations.get(&situation)?;
            let all = parts.all();
            Some(json!({
                "situation": name,
                "records": all.records,
                "false_merges_plain": parts.plain.false_merges,
                "false_merges_hard": parts.hard.false_merges,
                "missed_merges": all.missed_merges,
                "missed_without_evidence": all.without_evidence,
                "recall_of_evidence": all.recall_of_evidence(),
            }))
        };
        Situation::ALL.into_iter().filter_map(of_situation).collect()
    }
}

/// The figures of a group of people.
fn figures(of: &Figures) -> Value {
    json!({
        "people": of.people,
        "records": of.records,
        "false_merges": of.false_merges,
        "wrong_pairs": of.pairs_wrong,
        "missed_merges": of.missed_merges,
        "missed_without_evidence": of.without_evidence,
        "precision": of.precision(),
        "recall": of.recall(),
        "recall_of_evidence": of.recall_of_evidence(),
    })
}
