-- Why: people replay or discard all deliveries that a filter selects, however many. They see how many are counted, and
-- exactly those are changed, part by part, on whichever replica.
-- Existing rows: there were no jobs.

-- Deliveries that were counted, and what becomes of them.
create table delivery_jobs (
    brand_id integer not null,
    job_id uuid not null,
    -- What selects them, in words.
    selection text not null,
    -- counted, until somebody decides; running; done; cancelled.
    state text collate "C" not null default 'counted',
    -- replay or discard. Null until somebody decides.
    act text collate "C",
    -- How many were counted, how many of them can be discarded, and whether more matched.
    counted bigint not null,
    discardable bigint not null,
    is_cut boolean not null,
    -- How many were replayed or discarded so far, and how many had changed since they were counted.
    changed bigint not null default 0,
    skipped bigint not null default 0,
    counted_at timestamptz not null,
    begun_at timestamptz,
    ended_at timestamptz,
    -- Who decided, and why.
    begun_by text not null default '',
    reason text not null default '',
    -- The entry in the audit log.
    action_id uuid,
    constraint delivery_jobs_pkey primary key (brand_id, job_id),
    constraint delivery_jobs_state_check check (state in ('counted', 'running', 'done', 'cancelled')),
    constraint delivery_jobs_act_check check (act in ('replay', 'discard')),
    constraint delivery_jobs_begun_check check ((state = 'counted') = (act is null or begun_at is null or action_id is null)),
    constraint delivery_jobs_ended_check check ((state in ('done', 'cancelled')) = (ended_at is not null))
);

create index delivery_jobs_running_idx on delivery_jobs (brand_id, begun_at) where state = 'running';
create index delivery_jobs_begun_idx on delivery_jobs (brand_id, begun_at) where state <> 'counted';
create index delivery_jobs_counted_idx on delivery_jobs (brand_id, counted_at);

-- The deliveries of a job that are not done yet. The version is that of the row when it was counted.
create table delivery_job_items (
    brand_id integer not null,
    job_id uuid not null,
    delivery_id uuid not null,
    version bigint not null,
    constraint delivery_job_items_pkey primary key (brand_id, job_id, delivery_id),
    constraint delivery_job_items_job_fkey foreign key (brand_id, job_id)
        references delivery_jobs (brand_id, job_id) on delete cascade
);
