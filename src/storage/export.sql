with customer (customer_key) as (
    select distinct customer_key from customer_records where brand_id = $1 and record_key = any($2)
)
select json_build_object(
    'customers', (
        select coalesce(json_agg(json_build_object(
            'customer_id', known.customer_id,
            'matched_by', known.matched_by,
            'record_keys', array(
                select own.record_key from customer_records as own
                where own.brand_id = $1 and own.customer_key = known.customer_key order by 1
            ),
            'addresses', (
                select coalesce(json_agg(json_build_object('type', own.kind, 'address', own.address) order by own.kind, own.address), '[]')
                from customer_addresses as own where own.brand_id = $1 and own.customer_key = known.customer_key
            ),
            'answer', (select replace(body, $3, $4)::json from answers where answers.brand_id = $1 and answers.customer_key = known.customer_key)
        )), '[]')
        from customer join customers as known on known.brand_id = $1 and known.customer_key = customer.customer_key
    ),
    'records', (
        select coalesce(json_agg(json_build_object('key', record_key, 'live', live, 'state', state) order by record_key), '[]')
        from records where brand_id = $1 and record_key = any($2)
    ),
    'events', (
        select coalesce(json_agg(json_build_object(
            'key', event_key, 'record', record_key, 'live', live, 'occurred_at', occurred_at, 'state', state
        ) order by occurred_at desc, event_key), '[]')
        from events where brand_id = $1 and record_key = any($2)
    ),
    'source_merges', (
        select coalesce(json_agg(json_build_object('loser', loser_key, 'winner', winner_key, 'merged_at', merged_at) order by merged_at), '[]')
        from source_merges where brand_id = $1 and (loser_key = any($2) or winner_key = any($2))
    ),
    'decisions', (
        select coalesce(json_agg(json_build_object(
            'decision_id', decision_id, 'left', left_key, 'right', right_key, 'same_person', same_person, 'decided_by', decided_by, 'reason', reason,
            'decided_at', decided_at, 'undone_at', undone_at, 'undone_by', undone_by, 'undone_reason', undone_reason
        ) order by decided_at), '[]')
        from decisions where brand_id = $1 and (left_key = any($2) or right_key = any($2))
    ),
    'given_ids', (
        select coalesce(json_agg(json_build_object('record', record_key, 'customer_id', customer_id, 'given_at', given_at) order by given_at), '[]')
        from given_ids where brand_id = $1 and record_key = any($2)
    ),
    'confirmed_addresses', (
        select coalesce(json_agg(json_build_object(
            'decision_id', decision_id, 'record', record_key, 'type', kind, 'address', value, 'decided_by', decided_by, 'reason', reason,
            'decided_at', decided_at, 'undone_at', undone_at, 'undone_by', undone_by, 'undone_reason', undone_reason
        ) order by decided_at), '[]')
        from confirmed_addresses where brand_id = $1 and record_key = any($2)
    ),
    'shared_value_decisions', (
        select coalesce(json_agg(json_build_object(
            'decision_id', line.decision_id, 'type', line.kind, 'address', line.value, 'decided_by', line.decided_by, 'reason', line.reason,
            'decided_at', line.decided_at, 'undone_at', line.undone_at, 'undone_by', line.undone_by, 'undone_reason', line.undone_reason
        ) order by line.decided_at), '[]')
        from shared_value_decisions as line
        where line.brand_id = $1 and (line.kind, line.value) in (
            select own.kind, own.value from identifiers as own where own.brand_id = $1 and own.record_key = any($2)
        )
    ),
    'match_reviews', (
        select coalesce(json_agg(json_build_object(
            'level', level, 'kind', kind, 'value', value, 'conflict', conflict, 'customer_keys', customer_keys
        ) order by level, kind, value), '[]')
        from match_reviews where brand_id = $1 and customer_keys && array(select customer_key from customer)
    ),
    -- Without the keys of the other customers.
    'postponed_lookup_reviews', (
        select coalesce(json_agg(json_build_object(
            'customer_keys', array(select own.key from unnest(customer_keys) as own (key) where own.key = any($2) order by 1),
            'postponed_until', postponed_until
        ) order by postponed_until), '[]')
        from postponed_lookup_reviews where brand_id = $1 and customer_keys && $2
    ),
    'customer_reports', (
        select coalesce(json_agg(json_build_object(
            'record_keys', array(select own.key from unnest(record_keys) as own (key) where own.key = any($2) order by 1),
            'reports', reports, 'last_ticket', last_ticket, 'first_at', first_at, 'last_at', last_at, 'settled_at', settled_at
        ) order by first_at), '[]')
        from customer_reports where brand_id = $1 and record_keys && $2
    )
)
