//! The metrics that exist from the start, before anything happened, and those that end with a reload.

use std::collections::HashMap;
use std::sync::Arc;

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::http::problem::Problem;
use crate::http::request_metrics;
use crate::telemetry::series::{LabelValues, end_gauges, register_counters};

/// Registers the counters of the service and its brands at zero, and shows the hash of each brand's settings.
pub(super) fn register_metrics(brands: &HashMap<i32, Arc<Brand>>) {
    request_metrics::register();
    let codes = Problem::ALL.iter().map(|problem| problem.code().to_owned());
    register_counters(&[("code", codes.collect())]);
    for brand in brands.values() {
        for_series_of(brand, register_counters);
        show_settings(brand, true);
    }
}

/// Ends the metrics of former brands. Their alerts become quiet.
pub(super) fn end_metrics(former: &HashMap<i32, Arc<Brand>>, next: &HashMap<i32, Arc<Brand>>) {
    for (id, brand) in former {
        let same = next.get(id);
        if same.is_none_or(|next| next.rules.hash() != brand.rules.hash()) {
            show_settings(brand, false);
        }
        if same.is_none() {
            for_series_of(brand, |values| end_gauges("brand", values));
        }
        for source in brand.rules.accounts.keys() {
            // The next generation begins with closed circuit breakers, and only shows when one changes.
            let slug = brand.rules.slug.clone();
            metrics::gauge!("hookpoint_circuit_open", "brand" => slug, "source" => source.as_str())
                .set(0.0);
            if same.is_some_and(|next| !next.rules.accounts.contains_key(source)) {
                for_streams_of(brand, *source, &|values| end_gauges("source", values));
            }
        }
    }
}

/// Shows whether the settings of a brand are in use. Operators see with it whether replicas run with the same settings.
fn show_settings(brand: &Brand, are_in_use: bool) {
    let hash: String = brand.rules.hash().iter().map(|byte| format!("{byte:02x}")).collect();
    metrics::gauge!("hookpoint_settings_info", "brand" => brand.rules.slug.clone(), "hash" => hash)
        .set(f64::from(are_in_use));
}

/// Calls a function with the values of the labels that a brand's metrics may have.
fn for_series_of(brand: &Brand, act: impl Fn(&LabelValues)) {
    let slug = || ("brand", vec![brand.rules.slug.clone()]);
    let sources = Source::ALL.map(|source| source.as_str().to_owned());
    let templates = brand.rules.presenter.template_names().map(str::to_owned);
    act(&[slug(), ("source", sources.into()), ("template", templates.collect())]);
    Source::ALL.into_iter().for_each(|source| for_streams_of(brand, source, &act));
}

/// The same for one source, with the names of its streams.
fn for_streams_of(brand: &Brand, source: Source, act: &impl Fn(&LabelValues)) {
    let streams = brand.rules.sources.api(source).streams().iter();
    let streams = streams.map(|stream| stream.name.to_owned()).collect();
    let slug = ("brand", vec![brand.rules.slug.clone()]);
    act(&[slug, ("source", vec![source.as_str().to_owned()]), ("stream", streams)]);
}
