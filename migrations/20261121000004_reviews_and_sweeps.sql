-- Why: what evidence does not settle is a question for a person; a line can be shared by decision; and a change of
-- settings must reach every stored customer, also when the service is restarted halfway.
-- Existing rows: brands carry no mark yet, so the first start after this migration makes all customers anew once.

-- Evidence that was not used, and whom it concerns. Derived like customers, and replaced with them.
create table reviews (
    brand_id integer not null,
    -- What they have in common, and how strong it would be.
    level text collate "C" not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    -- What keeps them apart.
    grounds text collate "C" not null,
    -- All customers concerned, and the first of them.
    customer_keys text[] collate "C" not null,
    first_key text collate "C" not null,
    constraint reviews_pkey primary key (brand_id, level, kind, value),
    constraint reviews_customer_fkey foreign key (brand_id, first_key) references customers (brand_id, customer_key) on delete cascade,
    constraint reviews_customer_keys_check check (cardinality(customer_keys) >= 2)
);

create index reviews_first_idx on reviews (brand_id, first_key);

-- Addresses that a person decided to be shared: they find, but don't link. Entering them comes with the admin commands.
create table shared_lines (
    brand_id integer not null,
    line_id uuid not null,
    kind text collate "C" not null,
    value text collate "C" not null,
    decided_by text not null,
    reason text not null,
    decided_at timestamptz not null,
    undone_at timestamptz,
    constraint shared_lines_pkey primary key (brand_id, line_id),
    constraint shared_lines_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint shared_lines_kind_check check (kind in ('email', 'telephone', 'facebook', 'twitter'))
);

create index shared_lines_value_idx on shared_lines (brand_id, kind, value) where undone_at is null;

-- The rules that all stored customers were made with, and how far the making anew with other rules has come.
alter table brands add column derived_with bytea;
alter table brands add column sweep_with bytea;
alter table brands add column sweep_after text collate "C";

-- A brand where everybody has one phone number must not make Postgres believe that a number says nothing: then a look for one
-- number would be planned as a look at all rows of the brand.
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
alter table customer_records alter column customer_key set (n_distinct = -0.5);
alter table customer_addresses
    alter column address set (n_distinct = -0.8),
    alter column customer_key set (n_distinct = -0.5);
alter table events alter column record_key set (n_distinct = -0.1);
