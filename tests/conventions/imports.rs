//! Reads which source files use which.

use std::collections::{BTreeMap, BTreeSet};

use crate::source_files::{code_of, files, words};

/// A path from the root of the crate: `["storage", "pool", "Pool"]` for `crate::storage::pool::Pool`.
pub type CratePath = Vec<String>;

/// The code of a module, without its tests, comments and strings.
struct Module {
    file: String,
    code: String,
    /// Names that a folder's `mod.rs` passes on from its children, with the paths of their definitions.
    re_exports: BTreeMap<String, CratePath>,
}

/// All modules of the crate, by their paths. The root is `src/lib.rs`.
pub struct Modules(BTreeMap<CratePath, Module>);

impl Modules {
    pub fn of_this_crate() -> Self {
        Self::new(files("src", &["rs"]))
    }

    fn new(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let module = |(file, text): (String, String)| {
            let path = module_path(&file);
            let code = code_of(text.split("#[cfg(test)]\nmod ").next().unwrap());
            let (code, re_exports) = if file.ends_with("/mod.rs") {
                without_re_exports(&path, &code)
            } else {
                (code, BTreeMap::new())
            };
            (path, Module { file, code, re_exports })
        };
        Self(files.into_iter().map(module).collect())
    }

    /// The files that each file uses, with what it takes from them. A `mod.rs` that declares a child, or passes on its
    /// names, does not use it by that.
    pub fn uses(&self) -> BTreeMap<&str, BTreeMap<&str, BTreeSet<String>>> {
        let mut all = BTreeMap::new();
        for (path, module) in &self.0 {
            let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
            let used_words = words(&module.code);
            let passed_on_and_used =
                module.re_exports.iter().filter(|(name, _)| used_words.contains(*name));
            let paths = paths_in(path, &module.code)
                .into_iter()
                .chain(passed_on_and_used.map(|(_, path)| path.clone()));
            for used in paths {
                let (file, item) = self.definition(&used);
                if file != module.file {
                    uses.entry(file).or_default().insert(item);
                }
            }
            all.insert(module.file.as_str(), uses);
        }
        all
    }

    /// The file that defines what a path names, and the name there.
    fn definition(&self, path: &[String]) -> (&str, String) {
        let length = (0..=path.len()).rev().find(|n| self.0.contains_key(&path[..*n])).unwrap();
        let module = &self.0[&path[..length]];
        match path.get(length) {
            None => (&module.file, "itself".to_owned()),
            Some(name) => match module.re_exports.get(name) {
                Some(original) => self.definition(original),
                None => (&module.file, name.clone()),
            },
        }
    }
}

/// The path of the module in a file: `["storage", "embedded"]` for `src/storage/embedded/mod.rs`.
pub fn module_path(file: &str) -> CratePath {
    let inside = file.strip_prefix("src/").unwrap().trim_end_matches(".rs");
    inside.split('/').filter(|part| !["mod", "lib"].contains(part)).map(str::to_owned).collect()
}

/// The paths within the crate that a file names.
pub fn imports(file: &str, text: &str) -> BTreeSet<CratePath> {
    paths_in(&module_path(file), &code_of(text.split("#[cfg(test)]\nmod ").next().unwrap()))
}

/// The paths within the crate that the code of a module names, in `use` and elsewhere.
fn paths_in(module: &[String], code: &str) -> BTreeSet<CratePath> {
    let mut starts =
        vec![("crate".to_owned(), CratePath::new()), ("hookpoint".to_owned(), CratePath::new())];
    starts.push(("self".to_owned(), module.to_vec()));
    for up in 1..=module.len() {
        starts.push((vec!["super"; up].join("::"), module[..module.len() - up].to_vec()));
    }
    starts.extend(children(code).into_iter().map(|child| {
        let path = [module, std::slice::from_ref(&child)].concat();
        (child, path)
    }));
    let mut found = BTreeSet::new();
    for (start, path) in starts {
        for (at, _) in code.match_indices(&format!("{start}::")) {
            let before = code[..at].chars().next_back();
            let rest = &code[at + start.len()..];
            let is_whole = !before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c));
            // `pub(in crate::a)` says who may use an item. It uses nothing.
            let is_visibility = code[..at].ends_with("pub(in ");
            if is_whole && !is_visibility && !rest.starts_with("::super::") {
                read_use(path.clone(), rest, &mut found);
            }
        }
    }
    found
}

/// Reads what follows a path: `::a::{b, c::d}`.
fn read_use(mut path: CratePath, rest: &str, found: &mut BTreeSet<CratePath>) {
    let Some(rest) = rest.trim_start().strip_prefix("::") else {
        found.insert(path);
        return;
    };
    if let Some(list) = rest.strip_prefix('{') {
        for item in list_items(list) {
            read_use(path.clone(), &format!("::{}", item.trim()), found);
        }
        return;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    // `*`, the generic arguments of an item, or `self` in a list.
    if end == 0 || &rest[..end] == "self" {
        found.insert(path);
        return;
    }
    path.push(rest[..end].to_owned());
    read_use(path, &rest[end..], found);
}

/// The items of a braced list, of which `list` is all that follows its opening brace.
fn list_items(list: &str) -> Vec<String> {
    let (mut depth, mut items, mut item) = (1, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            items.push(std::mem::take(&mut item));
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// The modules that a module declares.
fn children(code: &str) -> Vec<String> {
    let names = code.lines().filter_map(|line| {
        let (before, name) = line.trim().strip_suffix(';')?.rsplit_once("mod ")?;
        (before.is_empty() || before.starts_with("pub")).then(|| name.trim().to_owned())
    });
    names.collect()
}

/// Takes `pub use` statements out of the code of a `mod.rs`. Returns the rest, and the names that they pass on.
fn without_re_exports(module: &[String], code: &str) -> (String, BTreeMap<String, CratePath>) {
    let (mut rest, mut names) = (String::new(), BTreeMap::new());
    let children: String = children(code).iter().map(|name| format!("mod {name};\n")).collect();
    for statement in code.split_inclusive(';') {
        let start = statement.trim_start();
        if start.starts_with("pub") && start.split_whitespace().nth(1) == Some("use") {
            for path in paths_in(module, &format!("{children}{statement}")) {
                names.insert(path.last().unwrap().clone(), path);
            }
        } else {
            rest.push_str(statement);
        }
    }
    (rest, names)
}

#[test]
fn imports_are_read_in_every_form() {
    let text = "mod own;\nuse crate::storage::api_keys;\nuse crate::{lookup::read, cli::{self, b as c}};\n// crate::app\n\
        use self::own::D;\npub(in crate::admin) struct E;\nfn f() { super::super::brand::x(); super::y::<u8>(); own::z() }\n";
    let found: Vec<String> =
        imports("src/http/api_keys.rs", text).into_iter().map(|path| path.join("::")).collect();
    assert_eq!(
        found,
        [
            "brand::x",
            "cli",
            "cli::b",
            "http::api_keys::own::D",
            "http::api_keys::own::z",
            "http::y",
            "lookup::read",
            "storage::api_keys"
        ]
    );
}

#[test]
fn a_folder_uses_a_child_whose_items_it_uses() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let modules = Modules::new([
        file("src/lib.rs", "pub mod a;\npub mod d;"),
        file("src/a/mod.rs", "pub mod b;\nmod c;\npub use self::b::{B, Used};\nfn f(_: Used) {}\n"),
        file("src/a/b.rs", "use super::c::C;\npub struct B;\npub struct Used;\n"),
        file("src/a/c.rs", "use super::f;\npub struct C;\n"),
        file("src/d.rs", "use crate::a::{B, f};\n"),
    ]);
    let uses = modules.uses();
    let of = |file: &str| uses[file].keys().copied().collect::<Vec<_>>();
    assert_eq!(of("src/lib.rs"), Vec::<&str>::new());
    assert_eq!(of("src/a/mod.rs"), ["src/a/b.rs"]);
    assert_eq!(uses["src/a/mod.rs"]["src/a/b.rs"], ["Used".to_owned()].into());
    assert_eq!(of("src/a/b.rs"), ["src/a/c.rs"]);
    assert_eq!(of("src/a/c.rs"), ["src/a/mod.rs"]);
    assert_eq!(of("src/d.rs"), ["src/a/b.rs", "src/a/mod.rs"]);
}
