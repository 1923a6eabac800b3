//! How Postgres would run a statement.

use serde_json::Value;
use sqlx::postgres::types::Oid;
use sqlx::{AssertSqlSafe, PgConnection};

use super::statement_recorder::RecordedStatement;

/// A step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub kind: String,
    pub table: String,
    /// How many rows Postgres expects, up to the limit of the step above.
    pub rows: f64,
}

/// All steps of the plan that Postgres makes once for a prepared statement.
pub async fn steps(db: &mut PgConnection, statement: &RecordedStatement) -> Vec<Step> {
    let types: Vec<Oid> = statement.parameters.iter().map(|id| Oid(*id)).collect();
    let (types,): (Vec<String>,) =
        sqlx::query_as("select array(select id::regtype::text from unnest($1::oid[]) as id)")
            .bind(types)
            .fetch_one(&mut *db)
            .await
            .unwrap();
    let settings: String =
        statement.settings.iter().map(|setting| format!("{setting}; ")).collect();
    let (types, nulls) = if types.is_empty() {
        (String::new(), String::new())
    } else {
        (format!("({})", types.join(", ")), format!("({})", vec!["null"; types.len()].join(", ")))
    };
    let prepare = format!(
        "begin; {settings} set local plan_cache_mode = force_generic_plan; prepare asked{types} as {}",
        statement.text
    );
    let failed = |error: sqlx::Error| panic!("{error}: {}", statement.text);
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *db).await.unwrap_or_else(failed);
    let explain = format!("explain (format json) execute asked{nulls}");
    let (plan,): (Value,) = sqlx::query_as(AssertSqlSafe(explain))
        .persistent(false)
        .fetch_one(&mut *db)
        .await
        .unwrap_or_else(|error| panic!("{error}: {}", statement.text));
    sqlx::raw_sql("rollback; deallocate asked").execute(&mut *db).await.unwrap();
    let mut steps = Vec::new();
    collect(&plan[0]["Plan"], f64::INFINITY, &mut steps);
    assert!(!steps.is_empty(), "{plan}");
    steps
}

fn collect(node: &Value, limit: f64, steps: &mut Vec<Step>) {
    let text = |name: &str| node[name].as_str().unwrap_or_default().to_owned();
    let rows = node["Plan Rows"].as_f64().unwrap_or_default().min(limit);
    let kind = text("Node Type");
    let limit = if kind == "Limit" { rows } else { f64::INFINITY };
    steps.push(Step { kind, table: text("Relation Name"), rows });
    for below in node["Plans"].as_array().into_iter().flatten() {
        collect(below, limit, steps);
    }
}
