//! The metrics that exist from the start, before anything happened.

use std::collections::HashMap;
use std::sync::Arc;

use crate::brand::Brand;
use crate::customer::model::source::Source;
use crate::http::problem::Problem;
use crate::http::request_metrics;
use crate::telemetry::series::register_counters;

/// Registers the counters of the service and its brands at zero, and shows the hash of each brand's settings.
pub(super) fn register_metrics(brands: &HashMap<i32, Arc<Brand>>) {
    request_metrics::register();
    let codes = Problem::ALL.iter().map(|problem| problem.code().to_owned());
    register_counters(&[("code", codes.collect())]);
    for brand in brands.values() {
        register_metrics_of(brand);
        let hash: String = brand.rules.hash().iter().map(|byte| format!("{byte:02x}")).collect();
        // Operators see with it whether replicas run with the same settings.
        metrics::gauge!("hookpoint_settings_info", "brand" => brand.rules.slug.clone(), "hash" => hash).set(1.0);
    }
}

fn register_metrics_of(brand: &Brand) {
    let slug = || ("brand", vec![brand.rules.slug.clone()]);
    let sources = Source::ALL.map(|source| source.as_str().to_owned());
    let templates = brand.rules.presenter.template_names().map(str::to_owned);
    register_counters(&[slug(), ("source", sources.into()), ("template", templates.collect())]);
    for source in Source::ALL {
        let streams = brand.rules.sources.api(source).streams().iter();
        let streams = streams.map(|stream| stream.name.to_owned()).collect();
        register_counters(&[
            slug(),
            ("source", vec![source.as_str().to_owned()]),
            ("stream", streams),
        ]);
    }
}
