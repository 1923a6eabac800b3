with erased as materialized (
    select hash from suppression_hashes where brand_id = $1 and hash = any($15::bytea[])
),
wanted as materialized (
    select
        added.asked_at,
        added.request_id,
        added.ticket_hash,
        added.ticket,
        added.question_hash,
        added.question_kind,
        added.status,
        added.problem,
        added.cache,
        ($14::text[])[added.first_customer:added.last_customer] as customer_keys,
        added.too_many,
        added.sources,
        added.duration_us
    from unnest(
        $2::timestamptz[], $3::uuid[], $4::bytea[], $5::bytea[], $6::text[], $7::smallint[], $8::text[], $9::text[], $10::text[],
        $11::integer[], $12::integer[], $13::integer[], $16::text[], $17::boolean[]
    ) as added (
        asked_at, request_id, ticket_hash, question_hash, question_kind, status, problem, cache, sources,
        duration_us, first_customer, last_customer, ticket, too_many
    )
    -- A lookup that was answered before an erasure, and waited meanwhile.
    where not exists (
        select from erased where hash = any(($15::bytea[])[added.first_customer:added.last_customer])
    )
),
inserted as (
    insert into lookup_history (
        brand_id, asked_at, request_id, ticket_hash, ticket, question_hash, question_kind, status, problem, cache, customer_keys,
        too_many, sources, duration_us
    )
    select
        $1, asked_at, request_id, ticket_hash, ticket, question_hash, question_kind, status, problem, cache, customer_keys,
        too_many, sources, duration_us
    from wanted
    -- A batch that was interrupted is written again.
    on conflict do nothing
)
select count(*) from wanted
