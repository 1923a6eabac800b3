-- Why: people decide by command. One decision may be about several pairs of records, or confirm an address that only a form
-- contains. An open question says since when it is open, and can be put away for a while.
-- Existing rows: each decision keeps its pair. Existing questions are open since this migration, and nobody has put one away.

alter table decisions
    drop constraint decisions_pkey,
    add constraint decisions_pkey primary key (brand_id, decision_id, left_key, right_key);

-- Also for decisions that were undone.
drop index decisions_left_idx;
drop index decisions_right_idx;
drop index shared_value_decisions_value_idx;
create index decisions_left_idx on decisions (brand_id, left_key);
create index decisions_right_idx on decisions (brand_id, right_key);
create index shared_value_decisions_value_idx on shared_value_decisions (brand_id, kind, value);

-- Decisions by people that a self-asserted record is right about an address: the address then finds the record's customer.
create table confirmed_addresses (
    brand_id integer not null,
    decision_id uuid not null,
    record_key text collate "C" not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    decided_by text not null,
    reason text not null,
    decided_at timestamptz not null,
    undone_at timestamptz,
    constraint confirmed_addresses_pkey primary key (brand_id, decision_id, record_key),
    constraint confirmed_addresses_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint confirmed_addresses_kind_check check (kind in ('email', 'telephone', 'facebook', 'twitter'))
);

create index confirmed_addresses_record_idx on confirmed_addresses (brand_id, record_key);
create index confirmed_addresses_value_idx on confirmed_addresses (brand_id, kind, value);

alter table confirmed_addresses alter column record_key set (n_distinct = -0.5);

alter table match_reviews
    add column found_at timestamptz not null default now(),
    add column postponed_until timestamptz;
