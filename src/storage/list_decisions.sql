-- $1 brand, $2 a decision, $3 records, $4 $5 addresses (kind, value), $6 whether to follow decisions in force from the
-- records. Without $2 and $3: all.
with recursive named (record_key) as (
    select unnest($3::text[]) collate "C"
    union
    select next.record_key from named
    cross join lateral (
        select right_key from decisions where brand_id = $1 and left_key = named.record_key and undone_at is null
        union all
        select left_key from decisions where brand_id = $1 and right_key = named.record_key and undone_at is null
    ) as next (record_key)
    where $6
),
addressed (kind, value) as (
    select * from unnest($4::text[], $5::text[])
),
listed (decision_id, decided_by, reason, decided_at, undone_at, what, left_keys, right_keys, kind, value) as (
    select pair.decision_id, min(pair.decided_by), min(pair.reason), min(pair.decided_at), min(pair.undone_at),
        case when bool_and(pair.same_person) then 'same' else 'different' end,
        array_agg(pair.left_key order by pair.left_key, pair.right_key),
        array_agg(pair.right_key order by pair.left_key, pair.right_key),
        null::text, null::text
    from decisions as pair
    where pair.brand_id = $1
        and ($2::uuid is null or pair.decision_id = $2)
        and ($3::text[] is null or pair.decision_id in (
            select own.decision_id from decisions as own
            where own.brand_id = $1 and (not $6 or own.undone_at is null)
                and (own.left_key in (select record_key from named) or own.right_key in (select record_key from named))
        ))
    group by pair.decision_id
    union all
    select line.decision_id, line.decided_by, line.reason, line.decided_at, line.undone_at, 'shared', '{}', '{}', line.kind, line.value
    from shared_value_decisions as line
    where line.brand_id = $1
        and ($2::uuid is null or line.decision_id = $2)
        and ($3::text[] is null or (line.kind, line.value) in (select kind, value from addressed))
    union all
    select confirmed.decision_id, min(confirmed.decided_by), min(confirmed.reason), min(confirmed.decided_at), min(confirmed.undone_at),
        'confirmed', array_agg(confirmed.record_key order by confirmed.record_key), '{}', min(confirmed.kind), min(confirmed.value)
    from confirmed_addresses as confirmed
    where confirmed.brand_id = $1
        and ($2::uuid is null or confirmed.decision_id = $2)
        and ($3::text[] is null or confirmed.record_key in (select record_key from named)
            or (confirmed.kind, confirmed.value) in (select kind, value from addressed))
    group by confirmed.decision_id
)
select decision_id, decided_by, reason, decided_at, undone_at, what, left_keys, right_keys, kind, value
from listed order by decided_at desc, decision_id
