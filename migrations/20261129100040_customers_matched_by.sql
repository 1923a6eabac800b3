-- Why: an answer may show by what a customer's records are joined. A lookup renders an answer again without resolving
-- identities again, so the customer keeps it.
-- Existing rows: empty, until the customer is derived again. A setting that shows it derives all customers again.

-- The kinds of evidence that join the customer's records, the strongest first, with a space between: "decision",
-- "merge", "reference", "email", "facebook", "twitter", "telephone". Empty: nothing joins them.
alter table customers add column matched_by text collate "C" not null default '';
