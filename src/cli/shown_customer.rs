//! Prints a customer as an agent sees it.

use serde_json::Value;

use super::output::print_plain;

/// Prints a customer as an agent sees it.
pub(super) fn print_customer(customer: &Value) {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let list = |key: &str| customer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    print_plain(&format!(
        "{} {}  ({})",
        text(customer, "customerFirstname"),
        text(customer, "customerLastname"),
        text(customer, "customerID")
    ));
    for address in list("addresses") {
        print_plain(&format!("  {:<12}{}", text(&address, "type"), text(&address, "address")));
    }
    for field in list("customFields").iter().filter_map(Value::as_object) {
        for (name, value) in field {
            print_plain(&format!("  {name}: {}", value.as_str().unwrap_or_default()));
        }
    }
    for event in list("timeline") {
        print_plain(&format!(
            "  {}  {:<9} {}",
            text(&event, "lastUpdate"),
            text(&event, "source"),
            text(&event, "message")
        ));
    }
}
