-- Why: what the sources said and what people decided is the truth; customers and answers are derived from these tables.
-- Existing rows: none, this is the first schema.
--
-- Keys are text in collation "C", so that Postgres orders them as the program does.

-- One record of a source. Its state joins everything that the source said, field by field.
create table records (
    brand_id integer not null,
    record_key text collate "C" not null,
    state json not null,
    -- The source has not deleted it. Part of the state.
    live boolean not null,
    constraint records_pkey primary key (brand_id, record_key),
    constraint records_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint records_record_key_check check (record_key ~ '^[a-z]+\.[a-z]+:.')
);

-- The addresses and ids that find a live record, in canonical form.
create table identifiers (
    brand_id integer not null,
    record_key text collate "C" not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    -- Neither blocked, nor of a record that its source merged away. shared_values has the shared ones.
    links boolean not null,
    -- The kind and the folded name of the record, to count the holders of a value.
    source_kind text collate "C" not null,
    name_key text collate "C" not null,
    constraint identifiers_pkey primary key (brand_id, record_key, kind, value),
    constraint identifiers_kind_check check (kind in ('email', 'telephone', 'facebook', 'twitter', 'reference'))
);

-- To link and to count. Blocked values, such as a role mailbox of a hundred thousand records, are not in it.
create index identifiers_value_idx on identifiers (brand_id, kind, value, source_kind, name_key) include (record_key) where links;
-- To look up a reference, which also finds a record where it does not link.
create index identifiers_reference_idx on identifiers (brand_id, value) where kind = 'reference';

-- Values with too many holders: they find customers, but do not link records.
create table shared_values (
    brand_id integer not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    constraint shared_values_pkey primary key (brand_id, kind, value)
);

-- Merges that a source made of its own records. Facts: kept while both records are still unknown.
create table source_merges (
    brand_id integer not null,
    loser_key text collate "C" not null,
    winner_key text collate "C" not null,
    merged_at timestamptz not null,
    constraint source_merges_pkey primary key (brand_id, loser_key, winner_key),
    constraint source_merges_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint source_merges_keys_check check (loser_key <> winner_key)
);

create index source_merges_winner_idx on source_merges (brand_id, winner_key);

-- Decisions by people about two records.
create table decisions (
    brand_id integer not null,
    decision_id uuid not null,
    left_key text collate "C" not null,
    right_key text collate "C" not null,
    same_person boolean not null,
    decided_by text not null,
    reason text not null,
    decided_at timestamptz not null,
    undone_at timestamptz,
    constraint decisions_pkey primary key (brand_id, decision_id),
    constraint decisions_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint decisions_keys_check check (left_key <> right_key)
);

create index decisions_left_idx on decisions (brand_id, left_key) where undone_at is null;
create index decisions_right_idx on decisions (brand_id, right_key) where undone_at is null;

-- Decisions by people that an address is shared: it finds customers, but does not link records.
create table shared_value_decisions (
    brand_id integer not null,
    decision_id uuid not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    decided_by text not null,
    reason text not null,
    decided_at timestamptz not null,
    undone_at timestamptz,
    constraint shared_value_decisions_pkey primary key (brand_id, decision_id),
    constraint shared_value_decisions_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint shared_value_decisions_kind_check check (kind in ('email', 'telephone', 'facebook', 'twitter'))
);

create index shared_value_decisions_value_idx on shared_value_decisions (brand_id, kind, value) where undone_at is null;

-- An event of a record. The record may still be unknown.
create table events (
    brand_id integer not null,
    event_key text collate "C" not null,
    state json not null,
    live boolean not null,
    record_key text collate "C",
    occurred_at timestamptz not null,
    source text collate "C" not null,
    event_type text collate "C" not null,
    external_id text collate "C" not null,
    constraint events_pkey primary key (brand_id, event_key),
    constraint events_brand_id_fkey foreign key (brand_id) references brands (brand_id)
);

create index events_timeline_idx on events (brand_id, record_key, occurred_at desc, source, external_id, event_type) where live;

-- Ids of events that find their customer, such as order numbers.
create table event_references (
    brand_id integer not null,
    value text collate "C" not null,
    namespace text collate "C" not null,
    event_key text collate "C" not null,
    constraint event_references_pkey primary key (brand_id, value, namespace, event_key)
);

create index event_references_event_idx on event_references (brand_id, event_key);

-- A brand in which everybody has one phone number must not make Postgres believe that a number selects nothing: it would then plan
-- a search for one number as a scan of all rows of the brand.
alter table identifiers
    alter column record_key set (n_distinct = -0.3),
    alter column value set (n_distinct = -0.5);
alter table shared_values alter column value set (n_distinct = -1);
alter table source_merges
    alter column loser_key set (n_distinct = -0.9),
    alter column winner_key set (n_distinct = -0.5);
alter table decisions
    alter column left_key set (n_distinct = -0.5),
    alter column right_key set (n_distinct = -0.5);
alter table events alter column record_key set (n_distinct = -0.1);
