select key from (
    (select record_key from records where brand_id = $1 and record_key > $2 order by record_key limit $3)
    union
    (select record_key from customer_records where brand_id = $1 and record_key > $2 order by record_key limit $3)
    union
    (select distinct record_key from identifiers where brand_id = $1 and record_key > $2 order by record_key limit $3)
    union
    (select distinct record_key from events where brand_id = $1 and record_key > $2 and live order by record_key limit $3)
    union
    (select distinct loser_key from source_merges where brand_id = $1 and loser_key > $2 order by loser_key limit $3)
    union
    (select distinct winner_key from source_merges where brand_id = $1 and winner_key > $2 order by winner_key limit $3)
    union
    (select distinct left_key from decisions where brand_id = $1 and left_key > $2 order by left_key limit $3)
    union
    (select distinct right_key from decisions where brand_id = $1 and right_key > $2 order by right_key limit $3)
    union
    (select record_key from given_ids where brand_id = $1 and record_key > $2 order by record_key limit $3)
    union
    (select distinct record_key from confirmed_addresses where brand_id = $1 and record_key > $2 order by record_key limit $3)
    union
    (
        select distinct own.key from customer_reports cross join unnest(record_keys || customer_key) as own (key)
        where brand_id = $1 and own.key > $2 order by own.key limit $3
    )
) as keys (key) order by key limit $3
