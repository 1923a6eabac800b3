with verdicts as materialized (
    select $1::integer as brand_id, verdict.*
    from unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[]) as verdict (delivery_id, state, note, due_at, untried)
)
update deliveries as row
set state = verdict.state,
    note = verdict.note,
    due_at = verdict.due_at,
    claim_token = null,
    attempts = row.attempts - verdict.untried,
    finished_at = case when verdict.state <> 'pending' then $8::timestamptz end
from verdicts as verdict
where row.brand_id = verdict.brand_id and row.delivery_id = verdict.delivery_id and row.claim_token = $7
