//! Examines this service before and after it goes live. `check.rs` lists all checks, with their questions and remedies.

mod check;
mod database;
mod files;
mod keys;
mod login_provider;
mod reachability;
mod replicas;
mod settings;
mod source_apis;

pub use self::check::{ServiceCheck, completed};
pub use self::database::{check_database, check_exposure, check_facts, check_open_error};
pub use self::files::{check_disks, check_suppression_file, judge_space};
pub use self::keys::{check_keys, judge_valid, rejected_lately};
pub use self::login_provider::check_login_provider;
pub use self::reachability::{Addresses, check_reachability};
pub use self::replicas::check_replicas;
pub use self::settings::{check_mistakes, check_settings};
pub use self::source_apis::{check_source_api, check_source_apis, is_tested};
