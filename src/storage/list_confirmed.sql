with recursive decided (record_key) as (
    select left_key from decisions where brand_id = $1 and same_person and undone_at is null
    union
    select right_key from decisions where brand_id = $1 and same_person and undone_at is null
),
chain (record_key) as (
    select record_key from decided
    union
    select next.record_key from chain
    cross join lateral (
        select winner_key from source_merges where brand_id = $1 and loser_key = chain.record_key
        union all
        select loser_key from source_merges where brand_id = $1 and winner_key = chain.record_key
    ) as next (record_key)
)
select chain.record_key, chain.record_key in (select record_key from decided), coalesce(record.live, false), merge.winner_key, merge.merged_at
from chain
left join records as record on record.brand_id = $1 and record.record_key = chain.record_key
left join source_merges as merge on merge.brand_id = $1 and merge.loser_key = chain.record_key
