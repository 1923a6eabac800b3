//! What the settings file can have: the tables, their settings, and an example of each value.

use serde_json::{Map, Value};

use super::brand_file::{EXAMPLES, ITEMS};
use super::file::{BrandSettings, SettingsFile};

/// Stands for the name of any brand.
const ANY_BRAND: &str = "*";

/// The tables and settings of a file, with their defaults.
pub(super) struct Shape(Value);

impl Shape {
    pub(super) fn new() -> Self {
        let brands = [(ANY_BRAND.to_owned(), BrandSettings::default())].into();
        let file = SettingsFile { brands, ..SettingsFile::default() };
        Self(serde_json::to_value(file).unwrap_or_default())
    }

    fn at(&self, path: &[String]) -> Option<&Value> {
        let mut value = &self.0;
        for (n, step) in path.iter().enumerate() {
            let is_brand = n == 1 && path.first().is_some_and(|first| first == "brands");
            value = value.get(if is_brand { ANY_BRAND } else { step })?;
        }
        Some(value)
    }

    /// Whether there is a table at a path.
    pub(super) fn is_table(&self, path: &[String]) -> bool {
        self.at(path).is_some_and(Value::is_object)
    }

    /// An example of the value at a path: its default, or a fixed one.
    pub(super) fn example(&self, path: &[String]) -> Option<String> {
        let name = path.iter().rev().find(|step| step.parse::<usize>().is_err())?;
        let is_item = path.last() != Some(name);
        let fixed = |table: &[(&str, &'static str)]| {
            table.iter().find(|(key, _)| key == name).map(|(_, example)| (*example).to_owned())
        };
        if is_item {
            return fixed(&ITEMS);
        }
        let default = self.at(path).filter(|value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Number(number) => number.as_u64() != Some(0),
            _ => false,
        });
        let list_of = |item: String| format!("[{item}]");
        fixed(&ITEMS)
            .map(list_of)
            .or_else(|| fixed(&EXAMPLES))
            .or_else(|| default.map(|value| value.to_string().replace("\",\"", "\", \"")))
    }

    /// The other table that has a setting of this name; the one that is nearest to a table.
    pub(super) fn table_with(&self, name: &str, near: &[String]) -> Option<String> {
        let mut tables = Vec::new();
        let Value::Object(root) = &self.0 else { return None };
        collect(root, &mut Vec::new(), name, &mut tables);
        let brand = near.get(1).filter(|_| near.first().is_some_and(|first| first == "brands"));
        let with_brand = |mut path: Vec<String>| {
            if let (Some(any), Some(brand)) =
                (path.get_mut(1).filter(|step| *step == ANY_BRAND), brand)
            {
                any.clone_from(brand);
            }
            path
        };
        let common = |path: &Vec<String>| path.iter().zip(near).take_while(|(a, b)| a == b).count();
        let best =
            tables.into_iter().map(with_brand).filter(|path| path != near).max_by_key(common)?;
        let shown = best.join(".").replace(ANY_BRAND, "<brand>");
        Some(if shown.is_empty() { "the top of the file".to_owned() } else { format!("[{shown}]") })
    }
}

/// Collects the tables that have a setting or table of a name.
fn collect(
    table: &Map<String, Value>,
    path: &mut Vec<String>,
    name: &str,
    tables: &mut Vec<Vec<String>>,
) {
    if table.contains_key(name) && !path.is_empty() {
        tables.push(path.clone());
    }
    for (key, value) in table {
        if let Value::Object(inner) = value {
            path.push(key.clone());
            collect(inner, path, name, tables);
            path.pop();
        }
    }
}
