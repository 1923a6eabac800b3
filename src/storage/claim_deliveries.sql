with clock as materialized (
    select coalesce($2::timestamptz, clock_timestamp()) as at
),
candidates as materialized (
    select brand_id, delivery_id, priority, claim_token is not null as was_late, octet_length(body) as bytes
    from deliveries
    where brand_id = $1 and state = 'pending' and due_at <= (select at from clock)
    order by priority, delivery_id
    limit $3
    for update skip locked
),
summed as (
    select brand_id, delivery_id, was_late, bytes, sum(bytes) over (order by priority, delivery_id) as bytes_so_far from candidates
),
-- The first one always, whatever its size.
due as (
    select brand_id, delivery_id, was_late from summed where bytes_so_far <= $6 or bytes_so_far = bytes
)
update deliveries as claimed
set claim_token = $4, due_at = clock.at + make_interval(secs => $5), attempts = claimed.attempts + 1
from due, clock
where claimed.brand_id = due.brand_id and claimed.delivery_id = due.delivery_id
returning claimed.delivery_id, claimed.source, claimed.headers, claimed.body, claimed.received_at, claimed.attempts, due.was_late, clock.at
