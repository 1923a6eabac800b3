-- Stores new deliveries in one statement. A webhook must never be known as received without being in the inbox.
-- No key and no subject occurs twice in the input.
-- The two lateral subqueries look up one row each, by its key. As joins they could be planned while the tables are empty,
-- as scans of whole tables, and the plan would stay while the tables grow.
with new as (
    select * from unnest($2::integer[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::smallint[], $9::bytea[], $10::bytea[])
        as new (n, delivery_id, source, event, headers, body, priority, key, content)
),
about as (
    select * from unnest($11::integer[], $12::bytea[], $13::bytea[]) as about (n, subject, content)
),
-- The clock that all replicas share, unless a test sets its own. A replica with a wrong clock must not set the
-- time of receipt.
clock as materialized (
    select coalesce($14::timestamptz, clock_timestamp()) as at
),
-- In order, so that two statements never wait for each other.
keys_new as (
    insert into delivery_dedup (brand_id, key, received_at, content)
    select $1, new.key, clock.at, new.content from new, clock where new.key is not null order by new.key
    on conflict do nothing
    returning key
),
-- Content that was received before about the same subject, with other content since. Somebody who recorded a
-- webhook could send it again, also with another event name. It is not stored as a delivery, but counts as the
-- latest content.
repeated as (
    select about.n, about.subject
    from about
    cross join lateral (
        select content, earlier from delivery_latest_content where brand_id = $1 and subject = about.subject limit 1
    ) as known
    where known.content <> about.content and about.content = any(known.earlier)
),
-- Later content of a subject also has a later time of receipt. It is due immediately all the same.
subjects_new as (
    insert into delivery_latest_content as known (brand_id, subject, content, received_at)
    select $1, about.subject, about.content, clock.at + about.n * interval '1 microsecond' from about, clock
    where about.n not in (select n from repeated) or (about.n, about.subject) in (select n, subject from repeated)
    order by about.subject
    on conflict (brand_id, subject) do update
    set content = excluded.content,
        earlier = (known.content || array_remove(known.earlier, excluded.content))[:$15],
        received_at = greatest(excluded.received_at, known.received_at + interval '1 microsecond')
    where known.content <> excluded.content
    returning subject, received_at
),
accepted as (
    -- Deliveries that are received together keep their order.
    select n, clock.at + n * interval '1 microsecond' as received_at from new, clock where key is null and not exists (select from about where about.n = new.n)
    union all
    select n, clock.at + n * interval '1 microsecond' from new, clock where key in (select key from keys_new)
    union all
    select about.n, max(subjects_new.received_at) from about join subjects_new using (subject)
    where about.n not in (select n from repeated)
    group by about.n
),
inserted as (
    insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, priority, due_at)
    select $1, new.delivery_id, new.source, new.event, new.headers::json, new.body, accepted.received_at, new.priority, clock.at
    from new join accepted using (n), clock
    returning delivery_id
)
select delivery_id, 'new' as result from inserted
union all
select new.delivery_id, 'repeated'
from new
where new.n in (select n from repeated)
union all
-- The same id with other content: the ids of the sender are broken.
select new.delivery_id, 'conflicting'
from new
cross join lateral (select content from delivery_dedup where brand_id = $1 and key = new.key limit 1) as known
where known.content <> new.content
