-- What is new is kept, all of it in this one statement: what would be known as received but not stand in the inbox would be lost.
-- No key and no subject is in it twice.
with new as (
    select * from unnest($2::integer[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::bytea[], $8::timestamptz[], $9::smallint[], $10::bytea[])
        as new (n, delivery_id, source, event, headers, body, received_at, urgency, key)
),
about as (
    select * from unnest($11::integer[], $12::bytea[], $13::bytea[], $14::timestamptz[]) as about (n, subject, content, received_at)
),
-- In order, so that two statements never wait for each other.
keys_new as (
    insert into delivery_keys (brand_id, key, received_at)
    select $1, key, received_at from new where key is not null order by key
    on conflict do nothing
    returning key
),
-- What comes later about a thing also bears a later time, whatever the clocks of the replicas say. It is due at once all the same.
subjects_new as (
    insert into delivery_subjects as known (brand_id, subject, content, received_at)
    select $1, subject, content, received_at from about order by subject
    on conflict (brand_id, subject) do update
    set content = excluded.content, received_at = greatest(excluded.received_at, known.received_at + interval '1 microsecond')
    where known.content <> excluded.content
    returning subject, received_at
),
news as (
    select n, received_at from new where key is null and not exists (select from about where about.n = new.n)
    union all
    select n, received_at from new where key in (select key from keys_new)
    union all
    select about.n, max(subjects_new.received_at) from about join subjects_new using (subject) group by about.n
)
insert into deliveries (brand_id, delivery_id, source, event, headers, body, received_at, urgency, due_at)
select $1, new.delivery_id, new.source, new.event, new.headers::json, new.body, news.received_at, new.urgency, new.received_at
from new join news using (n)
returning delivery_id
