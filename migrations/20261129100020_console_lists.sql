-- Why: the console lists decisions and the audit log page by page, filters the audit log, and says who undid a decision.
-- Existing rows: of decisions that were undone before, it is not known who undid them.

alter table decisions add column undone_by text;
alter table shared_value_decisions add column undone_by text;
alter table confirmed_addresses add column undone_by text;

create index decisions_decided_idx on decisions (brand_id, decided_at, decision_id);
create index shared_value_decisions_decided_idx on shared_value_decisions (brand_id, decided_at, decision_id);
create index confirmed_addresses_decided_idx on confirmed_addresses (brand_id, decided_at, decision_id);

create index audit_log_action_idx on audit_log (brand_id, action, begun_at);
create index audit_log_done_by_idx on audit_log (brand_id, done_by, begun_at);
