-- An id that an answer gave out means the customer of its record, and never somebody else, also after its
-- source deleted the record, or after the person was erased. If the suppression list names the id, only a record for
-- which it was given out later finds its customer.
--
-- $1 brand, $2 id, $3 keys of records with this id, $4 $5 references, $6 the hash of the id in the suppression list
with given as materialized (
    select record_key from given_ids where brand_id = $1 and customer_id = $2
),
erased as materialized (
    select true as is_so from suppression_hashes where brand_id = $1 and hash = $6
),
reserved as materialized (
    select true as is_so from given union all select is_so from erased
),
tiers as materialized (
    select 1 as tier, customer_key from customers
    where brand_id = $1 and customer_id = $2 and (select is_so from erased limit 1) is null
    union
    select 2, owner.customer_key from given
    join customer_records as owner on owner.brand_id = $1 and owner.record_key = given.record_key
    union
    select 3, customer_key from customer_records
    where brand_id = $1 and record_key = any($3) and (select is_so from reserved limit 1) is null
    union
    select 4, owner.customer_key from event_references as reference
    join events as event on event.brand_id = $1 and event.event_key = reference.event_key and event.live
    join customer_records as owner on owner.brand_id = $1 and owner.record_key = event.record_key
    where reference.brand_id = $1 and reference.value = $2 and reference.namespace = any($5) and (select is_so from reserved limit 1) is null
    union
    select 4, owner.customer_key from identifiers as reference
    join customer_records as owner on owner.brand_id = $1 and owner.record_key = reference.record_key
    where reference.brand_id = $1 and reference.kind = 'reference' and reference.value = any($4)
        and (select is_so from reserved limit 1) is null
),
decisive as (select tier from tiers order by tier limit 1)
select answer.customer_key, answer.settings_hash, answer.body, found.tier
from (select tier, customer_key from tiers where tier = (select tier from decisive) order by customer_key limit 2) as found
join answers as answer on answer.brand_id = $1 and answer.customer_key = found.customer_key
order by answer.customer_key
