-- Why: whoever looks at a delivery sees when it was tried, why it failed, and whether it failed again after a replay.
-- Existing rows: nothing is known of their attempts.

alter table deliveries
    -- The last 10 attempts and acts, the oldest first: at, outcome, reason. Null if the first attempt succeeded.
    add column history jsonb;
