-- $1 brand, $2 the rows of `WriteInput` (write_input.rs): a list for each table, and the names of its columns.
--
-- All steps see the tables as they were before the statement, so no two steps may touch the same row. The
-- caller separates rows to delete from rows to write.
with event_rows as materialized (
    select *
    from jsonb_to_recordset($2 -> 'events') as event (
        event_key text, state text, live boolean, record_key text, occurred_at timestamptz, source text, event_type text, external_id text
    )
),
event_reference_rows as materialized (
    select * from jsonb_to_recordset($2 -> 'event_references') as reference (value text, namespace text, event_key text)
),
review_rows as materialized (
    select *
    from jsonb_to_recordset($2 -> 'reviews') as review (
        review_id text, level text, kind text, value text, conflict text, customer_keys text[]
    )
),
records_new as (
    insert into records (brand_id, record_key, state, live)
    select $1, new.record_key, new.state::json, new.live
    from jsonb_to_recordset($2 -> 'records') as new (record_key text, state text, live boolean)
    on conflict (brand_id, record_key) do update set state = excluded.state, live = excluded.live
),
identifiers_deleted as (
    delete from identifiers as old
    using jsonb_to_recordset($2 -> 'identifiers_deleted') as deleted (record_key text, kind text, value text)
    where old.brand_id = $1 and old.record_key = deleted.record_key and old.kind = deleted.kind and old.value = deleted.value
),
identifiers_new as (
    insert into identifiers (brand_id, record_key, kind, value, links, source_kind, name_key)
    select $1, new.record_key, new.kind, new.value, new.links, new.source_kind, new.name_key
    from jsonb_to_recordset($2 -> 'identifiers') as new (
        record_key text, kind text, value text, links boolean, source_kind text, name_key text
    )
    on conflict (brand_id, record_key, kind, value) do update set links = excluded.links, name_key = excluded.name_key
),
shared_deleted as (
    delete from shared_values as old using jsonb_to_recordset($2 -> 'shared_values_deleted') as deleted (kind text, value text)
    where old.brand_id = $1 and old.kind = deleted.kind and old.value = deleted.value
),
shared_new as (
    insert into shared_values (brand_id, kind, value)
    select $1, new.kind, new.value from jsonb_to_recordset($2 -> 'shared_values') as new (kind text, value text)
    on conflict do nothing
),
merges_new as (
    insert into source_merges (brand_id, loser_key, winner_key, merged_at)
    select $1, new.loser_key, new.winner_key, new.merged_at
    from jsonb_to_recordset($2 -> 'source_merges') as new (loser_key text, winner_key text, merged_at timestamptz)
    on conflict (brand_id, loser_key, winner_key) do update set merged_at = excluded.merged_at
),
events_new as (
    insert into events (brand_id, event_key, state, live, record_key, occurred_at, source, event_type, external_id)
    select $1, new.event_key, new.state::json, new.live, new.record_key, new.occurred_at, new.source, new.event_type, new.external_id
    from event_rows as new
    on conflict (brand_id, event_key) do update
    set state = excluded.state, live = excluded.live, record_key = excluded.record_key, occurred_at = excluded.occurred_at
),
event_references_deleted as (
    delete from event_references as old using event_rows as event
    where old.brand_id = $1 and old.event_key = event.event_key
        and not exists (
            select from event_reference_rows as kept
            where (kept.value, kept.namespace, kept.event_key) = (old.value, old.namespace, old.event_key)
        )
),
event_references_new as (
    insert into event_references (brand_id, value, namespace, event_key)
    select $1, new.value, new.namespace, new.event_key from event_reference_rows as new
    on conflict do nothing
),
customers_deleted as (
    delete from customers as old using jsonb_array_elements_text($2 -> 'customers_deleted') as deleted (customer_key)
    where old.brand_id = $1 and old.customer_key = deleted.customer_key
),
customers_new as (
    insert into customers as known (brand_id, customer_key, customer_id, matched_by)
    select $1, new.customer_key, new.customer_id, new.matched_by
    from jsonb_to_recordset($2 -> 'customers') as new (customer_key text, customer_id text, matched_by text)
    on conflict (brand_id, customer_key) do update set customer_id = excluded.customer_id, matched_by = excluded.matched_by
    where (known.customer_id, known.matched_by) is distinct from (excluded.customer_id, excluded.matched_by)
),
answers_new as (
    insert into answers as known (brand_id, customer_key, body, settings_hash, changed_at)
    select $1, new.customer_key, new.body, decode($2 ->> 'settings_hash', 'hex'), clock_timestamp()
    from jsonb_to_recordset($2 -> 'answers') as new (customer_key text, body text)
    on conflict (brand_id, customer_key) do update
    set body = excluded.body, settings_hash = excluded.settings_hash,
        changed_at = case
            when known.body = excluded.body then known.changed_at
            -- Lookups had the text of the new settings before this row had it.
            when known.settings_hash = excluded.settings_hash then excluded.changed_at
        end
    where (known.body, known.settings_hash) is distinct from (excluded.body, excluded.settings_hash)
),
customer_records_deleted as (
    delete from customer_records as old using jsonb_array_elements_text($2 -> 'customer_records_deleted') as deleted (record_key)
    where old.brand_id = $1 and old.record_key = deleted.record_key
),
customer_records_new as (
    insert into customer_records as known (brand_id, record_key, customer_key)
    select $1, new.record_key, new.customer_key
    from jsonb_to_recordset($2 -> 'customer_records') as new (record_key text, customer_key text)
    on conflict (brand_id, record_key) do update set customer_key = excluded.customer_key where known.customer_key <> excluded.customer_key
),
addresses_deleted as (
    delete from customer_addresses as old
    using jsonb_to_recordset($2 -> 'customer_addresses_deleted') as deleted (kind text, address text, customer_key text)
    where old.brand_id = $1 and old.kind = deleted.kind and old.address = deleted.address and old.customer_key = deleted.customer_key
),
addresses_new as (
    insert into customer_addresses (brand_id, kind, address, customer_key, self_asserted)
    select $1, new.kind, new.address, new.customer_key, new.self_asserted
    from jsonb_to_recordset($2 -> 'customer_addresses') as new (kind text, address text, customer_key text, self_asserted boolean)
    on conflict (brand_id, kind, address, customer_key) do update set self_asserted = excluded.self_asserted
),
reviews_deleted as (
    delete from match_reviews as old
    using jsonb_to_recordset($2 -> 'reviews_deleted') as deleted (level text, kind text, value text)
    where old.brand_id = $1 and old.level = deleted.level and old.kind = deleted.kind and old.value = deleted.value
        and not exists (
            select from review_rows as kept
            where (kept.level, kept.kind, kept.value) = (old.level, old.kind, old.value)
        )
),
reviews_new as (
    insert into match_reviews (brand_id, level, kind, value, conflict, customer_keys, first_key, review_id)
    select $1, new.level, new.kind, new.value, new.conflict, new.customer_keys, new.customer_keys[1], new.review_id
    from review_rows as new
    on conflict (brand_id, level, kind, value) do update
    set conflict = excluded.conflict, customer_keys = excluded.customer_keys, first_key = excluded.first_key,
        review_id = excluded.review_id,
        -- With other customers, it is another question.
        found_at = case when match_reviews.customer_keys = excluded.customer_keys then match_reviews.found_at else now() end,
        postponed_until = case when match_reviews.customer_keys = excluded.customer_keys then match_reviews.postponed_until end
)
-- A preview (derived_copy.rs) notifies nobody.
select pg_notify($2 ->> 'channel', payload) from jsonb_array_elements_text($2 -> 'notices') as notice (payload)
where current_setting('hookpoint.notify', true) is distinct from 'off'
