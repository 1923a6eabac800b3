-- Why: whoever reads a decision that was undone wants to know why. The reason was in the audit log only.
-- Existing rows: null, which says that it is not known here. The audit log still has it.

alter table decisions add column undone_reason text;
alter table shared_value_decisions add column undone_reason text;
alter table confirmed_addresses add column undone_reason text;
