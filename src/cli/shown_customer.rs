//! Prints a customer as an agent sees it.

use serde_json::Value;

use super::output::plain;
use super::wrapped::print_wrapped;

/// Prints a customer as an agent sees it.
pub(super) fn print_customer(customer: &Value) {
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let list = |key: &str| customer.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let (first, last) = (text(customer, "customerFirstname"), text(customer, "customerLastname"));
    print_wrapped(&plain(&format!("{first} {last}  ({})", text(customer, "customerID"))), 2);
    for address in list("addresses") {
        let (kind, address) = (text(&address, "type"), text(&address, "address"));
        print_wrapped(&plain(&format!("  {kind:<12}{address}")), 14);
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
