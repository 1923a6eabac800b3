-- Why: a person can ask for a sync run in the console. The service, on whichever replica, then starts it.
-- Existing rows: nobody asked for a run.

alter table sync_streams
    -- A person wants a full run since then. Null as soon as it begins.
    add column requested_at timestamptz;
