-- Why: a supervisor asks "what did the agent see?", days after the lookup. The log may not have it, and has no customers.
-- Existing rows: none.

-- The lookups that were answered, for `lookup.trace_days`. What callers send is a keyed hash: an address, an id, a ticket.
-- No foreign key to `brands`: it would be checked for every lookup, and brands are never deleted.
create table lookup_history (
    brand_id integer not null,
    asked_at timestamptz not null,
    request_id uuid not null,
    -- Null if the request named no ticket.
    ticket_hash bytea,
    -- Null if the request was rejected before its address or id was read.
    question_hash bytea,
    -- email, telephone or id; null as above.
    question_kind text collate "C",
    status smallint not null,
    -- The code of the error; null if there is none.
    problem text collate "C",
    -- The result of the cache.
    cache text collate "C" not null,
    -- The customers in the answer.
    customer_keys text[] collate "C" not null,
    -- What each source answered, as in the log; empty if none was asked.
    sources text collate "C" not null,
    duration_us integer not null,
    constraint lookup_history_pkey primary key (brand_id, asked_at, request_id),
    constraint lookup_history_ticket_hash_check check (octet_length(ticket_hash) = 16),
    constraint lookup_history_question_hash_check check (octet_length(question_hash) = 16)
);

create index lookup_history_ticket_idx on lookup_history (brand_id, ticket_hash) where ticket_hash is not null;

create index lookup_history_question_idx on lookup_history (brand_id, question_hash) where question_hash is not null;

create index lookup_history_request_idx on lookup_history (brand_id, request_id);

-- New rows first go into the pending list of the index, which is cheap.
create index lookup_history_customers_idx on lookup_history using gin (customer_keys);
