//! Prints a customer as an agent sees it.

use serde_json::Value;

use super::output::print_plain;

/// Prints a customer as an agent sees it.
pub(super) fn print_customer(customer: &Value) {
    let list = |key: &str| list(customer, key);
    lines_about(customer).iter().for_each(|line| print_plain(line));
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

/// Who a customer is, as lines: the name, the id and the addresses.
pub(super) fn lines_about(customer: &Value) -> Vec<String> {
    let name = format!(
        "{} {}  ({})",
        text(customer, "customerFirstname"),
        text(customer, "customerLastname"),
        text(customer, "customerID")
    );
    let addresses = list(customer, "addresses")
        .into_iter()
        .map(|address| format!("  {:<12}{}", text(&address, "type"), text(&address, "address")));
    std::iter::once(name).chain(addresses).collect()
}

fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list(customer: &Value, key: &str) -> Vec<Value> {
    customer.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}
