//! Prints a customer as an agent sees it.

use serde_json::Value;

use super::output::plain;
use super::wrapped::print_wrapped;

/// Prints a customer as an agent sees it.
pub(super) fn print_customer(customer: &Value) {
    let list = |key: &str| list(customer, key);
    for line in lines_about(customer) {
        print_wrapped(&plain(&line), 14);
    }
    for field in list("customFields").iter().filter_map(Value::as_object) {
        for (name, value) in field {
            let value = value.as_str().unwrap_or_default();
            print_wrapped(&plain(&format!("  {name}: {value}")), 4);
        }
    }
    for event in list("timeline") {
        let (at, source) = (text(&event, "lastUpdate"), text(&event, "source"));
        let line = format!("  {at}  {source:<9} {}", text(&event, "message"));
        print_wrapped(&plain(&line), 33);
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
