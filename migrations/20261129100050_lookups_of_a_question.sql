-- Why: an open question says how many lookups met it, and when the last one came. With the time in the index, only the last ones
-- of each address or id are read, however many there are.
-- Existing rows: unchanged.

create index lookup_history_asked_idx on lookup_history (brand_id, question_hash, asked_at) where question_hash is not null;

drop index lookup_history_question_idx;
