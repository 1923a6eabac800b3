-- Why: `inbox status` shows why the last webhook of a source was rejected. To find out since when, how often and from where, a
-- person needs the last ones, also of other replicas.
-- Existing rows: none.

-- The last webhooks that could not be verified: at most a hundred for each source of a brand. Never their content.
create table rejected_webhooks (
    brand_id integer not null,
    rejection_id uuid not null,
    source text collate "C" not null,
    rejected_at timestamptz not null,
    reason text not null,
    -- The network address of the sender; empty if trusted proxies named none.
    caller text not null,
    constraint rejected_webhooks_pkey primary key (brand_id, rejection_id),
    constraint rejected_webhooks_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);
