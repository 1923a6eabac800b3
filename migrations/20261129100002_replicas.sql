-- Why: `hookpoint reload` must reach every replica and learn the result, and `hookpoint doctor` must see replicas that run
-- with other settings.
-- Existing rows: none. Each replica inserts its row when it starts.

-- One row for each running process of the service. It has nothing of a brand or a person, so its key has no brand.
create table replicas (
    replica_id uuid not null,
    host text not null,
    address text not null,
    version text not null,
    -- A hash of the settings that should be the same on all replicas.
    settings_hash text not null,
    seen_at timestamptz not null default now(),
    -- The last request to read the settings again, and its result: null until it is done.
    reload_request uuid,
    reload_outcome jsonb,
    constraint replicas_pkey primary key (replica_id)
);
