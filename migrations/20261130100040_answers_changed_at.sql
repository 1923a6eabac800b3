-- Why: a supervisor asks what an agent saw. Old answers are not kept, but people see whether the answer is still the same.
-- Existing rows: null, as it is not known. An older replica beside this version changes answers without their time.

-- When the answer last changed, unless other settings changed it.
alter table answers add column changed_at timestamptz;
