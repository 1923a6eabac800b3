//! Which tables `deploy/citus.sql` distributes by brand, and which it copies to every node.

use std::path::Path;

/// The tables of `deploy/citus.sql`, in their order.
pub struct CitusTables {
    pub distributed: Vec<String>,
    pub references: Vec<String>,
}

impl CitusTables {
    pub fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/citus.sql");
        let text = std::fs::read_to_string(file).unwrap();
        let calls = |function: &str| {
            let begin = format!("select {function}('");
            let calls = text.lines().filter_map(|line| line.strip_prefix(&begin));
            calls.map(|call| call.split('\'').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let distributed = calls("create_distributed_table");
        for table in &distributed {
            let by_brand = format!("select create_distributed_table('{table}', 'brand_id'");
            assert!(text.contains(&by_brand), "{table} is not distributed by brand");
        }
        Self { distributed, references: calls("create_reference_table") }
    }
}
