-- Copies the rows of a brand from the table {table} into a temporary table with the same name, columns, checks and
-- indexes. Statements then find the temporary table.
do $$
declare
    item record;
begin
    create temporary table copied (like {table} including all excluding indexes) on commit drop;
    insert into copied select * from {table} where brand_id = {brand_id};
    for item in
        select format('alter table copied alter column %I set (%s)', attname, array_to_string(attoptions, ', ')) as statement
        from pg_attribute where attrelid = '{table}'::regclass and attoptions is not null
        union all
        select regexp_replace(pg_get_indexdef(indexrelid), '^(CREATE (?:UNIQUE )?INDEX) .* ON .* USING', '\1 ON copied USING')
        from pg_index where indrelid = '{table}'::regclass
    loop
        execute item.statement;
    end loop;
    analyze copied;
    alter table copied rename to {table};
end $$
