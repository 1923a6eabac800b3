//! A case, run through the write path.

use super::*;

type Brands = BTreeMap<String, Brand>;

/// The result of the steps.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) customers: Customers,
    pub(super) shared: BTreeSet<String>,
    /// Customer key, customer id and the agents' view.
    pub(super) answers: BTreeSet<(String, String, String)>,
}

pub(super) struct Run {
    pub(super) pool: Pool,
    pub(super) number: usize,
    pub(super) case: Case,
    pub(super) changes: Vec<(String, Change)>,
}

impl Run {
    /// Describes every difference from the case's expectations. Also returns the outcome.
    pub(super) async fn check(self) -> (Vec<String>, Outcome) {
        let mut wrong = Vec::new();
        let mut brands = self.brands(self.case.brands(), "as-written").await;
        for (step, n) in self.case.steps.iter().zip(1..) {
            let applied = self.apply(&brands, &self.changes[n - 1..n]).await;
            if let Some(then) = &step.then {
                let found = self.outcome(&brands, &self.changes[..n]).await.customers;
                self.compare(&mut wrong, &format!("after step {n}"), then, &found);
            }
            let again = self.apply(&brands, &self.changes[n - 1..n]).await;
            self.compare(
                &mut wrong,
                &format!("step {n} again, after {applied:?}"),
                &Applied::default(),
                &again,
            );
        }
        let written = self.outcome(&brands, &self.changes).await;
        self.compare(&mut wrong, "as written", &self.case.customers, &written.customers);
        self.compare(&mut wrong, "shared values", &self.case.shared, &written.shared);
        for asked in &self.case.finds {
            self.look_up(&mut wrong, &brands, asked).await;
        }
        for order in 0..=SHUFFLES {
            brands = self
                .brands(
                    brands.into_values().map(|brand| brand.rules).collect(),
                    &format!("order{order}"),
                )
                .await;
            for batch in self.batches(order) {
                self.apply(&brands, &batch).await;
            }
            let found = self.outcome(&brands, &self.changes).await;
            self.compare(
                &mut wrong,
                &format!("in order {order}, not as written"),
                &written,
                &found,
            );
        }
        (wrong, written)
    }

    pub(super) fn compare<T: PartialEq + std::fmt::Debug>(
        &self,
        wrong: &mut Vec<String>,
        what: &str,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            wrong.push(format!(
                "{}\n    {what}: {found:?}\n    instead of: {expected:?}",
                self.case
            ));
        }
    }

    /// The case's brands, under unique names, with the decisions about their people.
    pub(super) async fn brands(&self, rules: Vec<BrandRules>, what: &str) -> Brands {
        let mut brands = Brands::new();
        for rules in rules {
            let row = get_or_insert_brand(
                &self.pool,
                &format!("case{}-{what}-{}", self.number, rules.slug),
            )
            .await
            .unwrap();
            for undone in [false, true] {
                for (_, decision) in
                    self.case.decisions(undone).filter(|(brand, _)| *brand == rules.slug)
                {
                    sqlx::query(
                        "insert into decisions (brand_id, decision_id, left_key, right_key, same_person, decided_by, reason, decided_at, undone_at)
                        values ($1, gen_random_uuid(), $2, $3, $4, 'an admin', 'a call', now(), case when $5 then now() end)",
                    )
                    .bind(row.brand_id)
                    .bind(decision.left.to_string())
                    .bind(decision.right.to_string())
                    .bind(decision.same)
                    .bind(undone)
                    .execute(&self.pool)
                    .await
                    .unwrap();
                }
            }
            brands.insert(
                rules.slug.clone(),
                Brand::new(rules, row.brand_id, row.secret, row.suppression_key),
            );
        }
        brands
    }

    pub(super) async fn apply(&self, brands: &Brands, changes: &[(String, Change)]) -> Applied {
        let mut all = Applied::default();
        for (slug, brand) in brands {
            let of_brand: Vec<Change> = changes
                .iter()
                .filter(|(of, _)| of == slug)
                .map(|(_, change)| change.clone())
                .collect();
            if !of_brand.is_empty() {
                let applied = apply(&self.pool, brand, of_brand)
                    .await
                    .unwrap_or_else(|error| panic!("{}: {error}", self.case));
                all.changed += applied.changed;
                all.customers += applied.customers;
            }
        }
        all
    }

    /// Backwards one by one, then in random batches of up to three.
    pub(super) fn batches(&self, order: u64) -> Vec<Vec<(String, Change)>> {
        let mut changes = self.changes.clone();
        changes.reverse();
        let mut rng = order.wrapping_mul(1_000).wrapping_add(self.number as u64);
        let mut roll = move |sides: usize| {
            rng =
                rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (rng >> 33) as usize % sides
        };
        if order > 0 {
            (1..changes.len()).rev().for_each(|n| changes.swap(n, roll(n + 1)));
        }
        let mut batches = Vec::new();
        while !changes.is_empty() {
            let size = if order > 0 { (1 + roll(3)).min(changes.len()) } else { 1 };
            batches.push(changes.drain(..size).collect());
        }
        batches
    }

    /// The stored result. A key without an existing record represents a customer only if a merge named it.
    pub(super) async fn outcome(&self, brands: &Brands, changes: &[(String, Change)]) -> Outcome {
        let mut outcome = Outcome::default();
        for (slug, brand) in brands {
            let live: BTreeSet<String> = live_records(changes, slug)
                .into_iter()
                .map(|record| record.key.to_string())
                .collect();
            let merged: BTreeSet<String> = changes
                .iter()
                .filter(|(of, _)| of == slug)
                .filter_map(|(_, change)| match change {
                    Change::Merge(merge) => {
                        Some([merge.loser.to_string(), merge.winner.to_string()])
                    }
                    Change::Record { .. } | Change::Event { .. } => None,
                })
                .flatten()
                .collect();
            let named = |key: &str| name(slug, &key.parse().unwrap());
            let records: Vec<(String, String)> = self
                .rows(
                    "select customer_key, record_key from customer_records where brand_id = $1",
                    brand,
                )
                .await;
            let mut customers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (customer, record) in records {
                let members = customers.entry(customer).or_default();
                if live.contains(&record) || !merged.contains(&record) {
                    members.insert(named(&record));
                }
            }
            outcome.customers.extend(customers.into_values());
            let shared: Vec<(String,)> =
                self.rows("select value from shared_values where brand_id = $1", brand).await;
            outcome.shared.extend(shared.into_iter().map(|(value,)| value));
            let answers = "select customer_key, customer_id, body from customers join answers using (brand_id, customer_key) where brand_id = $1";
            let answers: Vec<(String, String, String)> = self.rows(answers, brand).await;
            outcome
                .answers
                .extend(answers.into_iter().map(|(key, id, body)| (named(&key), id, body)));
        }
        outcome
    }

    async fn rows<Row>(&self, query: &'static str, brand: &Brand) -> Vec<Row>
    where
        Row: for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
    {
        sqlx::query_as(query).bind(brand.id()).fetch_all(&self.pool).await.unwrap()
    }

    async fn look_up(&self, wrong: &mut Vec<String>, brands: &Brands, asked: &Find) {
        let question = match (&asked.email, &asked.phone, &asked.id) {
            (Some(email), None, None) => Question::Address(Email::parse(email).unwrap().into()),
            (None, Some(phone), None) => {
                Question::Address(Phone::parse_e164(phone).unwrap().into())
            }
            (None, None, Some(id)) => Question::Id(id.clone()),
            _ => panic!("{}: a lookup is by one of email, phone, id", self.case),
        };
        let brand = &brands[asked.brand.as_deref().unwrap_or(FIRST)];
        let found = find(
            &self.pool,
            brand,
            &question,
            ReadRules { max_customers: 10, multiple_matches: MultipleMatches::All },
        )
        .await
        .unwrap();
        let answers: Vec<Value> = serde_json::from_str(&found.body).unwrap();
        let ids: BTreeSet<String> = answers
            .iter()
            .map(|answer| answer["customerID"].as_str().unwrap().to_owned())
            .collect();
        self.compare(wrong, &format!("{asked:?}"), &asked.gives, &ids);
        let events: usize =
            answers.iter().map(|answer| answer["timeline"].as_array().unwrap().len()).sum();
        self.compare(
            wrong,
            &format!("events of {asked:?}"),
            &asked.events.unwrap_or(events),
            &events,
        );
    }
}
