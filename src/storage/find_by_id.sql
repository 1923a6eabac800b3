with tiers as materialized (
    select 1 as tier, customer_key from customers where brand_id = $1 and customer_id = $2
    union
    select 2, customer_key from customer_records where brand_id = $1 and record_key = any($3)
    union
    select 3, owner.customer_key from event_references as reference
    join events as event on event.brand_id = $1 and event.event_key = reference.event_key and event.live
    join customer_records as owner on owner.brand_id = $1 and owner.record_key = event.record_key
    where reference.brand_id = $1 and reference.value = $2 and reference.namespace = any($5)
    union
    select 3, owner.customer_key from identifiers as reference
    join customer_records as owner on owner.brand_id = $1 and owner.record_key = reference.record_key
    where reference.brand_id = $1 and reference.kind = 'reference' and reference.value = any($4)
),
decisive as (select tier from tiers order by tier limit 1)
select answer.customer_key, answer.settings_hash, answer.body, found.tier
from (select tier, customer_key from tiers where tier = (select tier from decisive) limit 2) as found
join answers as answer on answer.brand_id = $1 and answer.customer_key = found.customer_key
order by answer.customer_key
