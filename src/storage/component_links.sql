-- What connects records whatever their values: references, merges and decisions. Part of load_component.sql and
-- oversized_components.sql, in place of {component_links}.
select 'reference', component.value where component.kind = 'record'
union all
select 'record', component.value where component.kind = 'reference'
union all
select 'record', winner_key from source_merges where component.kind = 'record' and brand_id = $1 and loser_key = component.value
union all
select 'record', loser_key from source_merges where component.kind = 'record' and brand_id = $1 and winner_key = component.value
union all
select 'record', right_key from decisions
where component.kind = 'record' and brand_id = $1 and left_key = component.value and undone_at is null
union all
select 'record', left_key from decisions
where component.kind = 'record' and brand_id = $1 and right_key = component.value and undone_at is null
