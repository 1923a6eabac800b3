with dispositions as materialized (
    select $1::integer as brand_id, disposition.*
    from unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::integer[]) as disposition (delivery_id, state, note, due_at, not_attempted)
)
update deliveries as row
set state = disposition.state,
    note = disposition.note,
    due_at = disposition.due_at,
    claim_token = null,
    attempts = row.attempts - disposition.not_attempted,
    finished_at = case when disposition.state <> 'pending' then $8::timestamptz end,
    -- Nothing, if it was not tried, or if the first attempt succeeded.
    history = case
        when disposition.not_attempted = 1 or (row.history is null and row.attempts = 1 and disposition.state = 'done') then row.history
        else coalesce(jsonb_path_query_array(row.history, '$[last - 8 to last]'), '[]') || jsonb_build_object(
            'at', $8::timestamptz,
            'outcome', case disposition.state when 'pending' then 'retried' else disposition.state end,
            'reason', left(disposition.note, 500)
        )
    end
from dispositions as disposition
where row.brand_id = disposition.brand_id and row.delivery_id = disposition.delivery_id and row.claim_token = $7
