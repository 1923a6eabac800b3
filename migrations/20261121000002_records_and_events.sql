-- Why: what the sources said is the truth; everything about customers is derived from these tables.
-- Existing rows: none.
--
-- Keys are text in collation "C", so that Postgres orders them like the program does.

-- One source record: its state joins everything that the source said, field by field.
create table records (
    brand_id integer not null,
    record_key text collate "C" not null,
    state json not null,
    -- Not deleted at its source; part of the state.
    live boolean not null,
    constraint records_pkey primary key (brand_id, record_key),
    constraint records_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint records_record_key_check check (record_key ~ '^[a-z]+\.[a-z]+:.')
);

-- What live records are found by, in canonical form.
create table identifiers (
    brand_id integer not null,
    record_key text collate "C" not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    -- Neither blocked nor of a record that its source merged away. Shared values are in shared_values.
    links boolean not null,
    -- The record's kind and folded name, for counting who holds a value.
    source_kind text collate "C" not null,
    name_key text collate "C" not null,
    constraint identifiers_pkey primary key (brand_id, record_key, kind, value),
    constraint identifiers_kind_check check (kind in ('email', 'telephone', 'facebook', 'twitter', 'reference'))
);

-- For linking and counting: a role mailbox that a hundred thousand hold is not in it.
create index identifiers_value_idx on identifiers (brand_id, kind, value, source_kind, name_key) include (record_key) where links;
-- For looking up by a reference, which also finds where it doesn't link.
create index identifiers_reference_idx on identifiers (brand_id, value) where kind = 'reference';

-- Values that too many hold: they find, but don't link.
create table shared_values (
    brand_id integer not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    constraint shared_values_pkey primary key (brand_id, kind, value)
);

-- Merges that a source made of its own records: facts, kept even while neither record is known.
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

-- What people decided about two records. Entering them comes with the admin commands.
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

-- Something that happened to a record, which may still be unknown.
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

-- Ids of events by which their customer can be looked up, such as order numbers.
create table event_references (
    brand_id integer not null,
    value text collate "C" not null,
    namespace text collate "C" not null,
    event_key text collate "C" not null,
    constraint event_references_pkey primary key (brand_id, value, namespace, event_key)
);

create index event_references_event_idx on event_references (brand_id, event_key);
