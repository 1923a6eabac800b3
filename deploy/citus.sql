-- Distributes the tables over a Citus cluster, by brand.
--
-- The service does not run on Citus yet: "Beyond one machine" in operate.md says why. This file is the part that is
-- ready: the tables. Tests compare it with the schema. Do not run it in production.
--
-- When: once, after the first start of the service has created the tables, with the service stopped.
-- Where: on the coordinator (Citus 12 or newer), in the database of the service:
--     psql --single-transaction --set ON_ERROR_STOP=1 --file citus.sql <url>
--
-- All rows of a brand are on one node.

create extension if not exists citus;

-- Small tables, copied to every node. `brands` and `api_keys` have unique columns without the brand: the slug, and the
-- hash of a key. The other three belong to no brand.
select create_reference_table('brands');
select create_reference_table('api_keys');
select create_reference_table('replicas');
select create_reference_table('console_password_attempts');
select create_reference_table('console_provider_log_ins');

-- What the sources said.
select create_distributed_table('records', 'brand_id');
select create_distributed_table('identifiers', 'brand_id', colocate_with => 'records');
select create_distributed_table('shared_values', 'brand_id', colocate_with => 'records');
select create_distributed_table('source_merges', 'brand_id', colocate_with => 'records');
select create_distributed_table('events', 'brand_id', colocate_with => 'records');
select create_distributed_table('event_references', 'brand_id', colocate_with => 'records');

-- What people decided, and the ids that answers gave out.
select create_distributed_table('decisions', 'brand_id', colocate_with => 'records');
select create_distributed_table('shared_value_decisions', 'brand_id', colocate_with => 'records');
select create_distributed_table('confirmed_addresses', 'brand_id', colocate_with => 'records');
select create_distributed_table('customer_reports', 'brand_id', colocate_with => 'records');
select create_distributed_table('given_ids', 'brand_id', colocate_with => 'records');

-- Customers and answers. A table comes before those that refer to it.
select create_distributed_table('customers', 'brand_id', colocate_with => 'records');
select create_distributed_table('customer_records', 'brand_id', colocate_with => 'records');
select create_distributed_table('customer_addresses', 'brand_id', colocate_with => 'records');
select create_distributed_table('answers', 'brand_id', colocate_with => 'records');
select create_distributed_table('match_reviews', 'brand_id', colocate_with => 'records');
select create_distributed_table('postponed_lookup_reviews', 'brand_id', colocate_with => 'records');
select create_distributed_table('lookup_history', 'brand_id', colocate_with => 'records');

-- Webhooks.
select create_distributed_table('deliveries', 'brand_id', colocate_with => 'records');
select create_distributed_table('delivery_dedup', 'brand_id', colocate_with => 'records');
select create_distributed_table('delivery_latest_content', 'brand_id', colocate_with => 'records');
select create_distributed_table('delivery_jobs', 'brand_id', colocate_with => 'records');
select create_distributed_table('delivery_job_items', 'brand_id', colocate_with => 'records');
select create_distributed_table('rejected_webhooks', 'brand_id', colocate_with => 'records');
select create_distributed_table('webhook_stats', 'brand_id', colocate_with => 'records');
select create_distributed_table('invalid_values', 'brand_id', colocate_with => 'records');

-- Calls to the sources.
select create_distributed_table('upstream_accounts', 'brand_id', colocate_with => 'records');
select create_distributed_table('call_grants', 'brand_id', colocate_with => 'records');
select create_distributed_table('sync_streams', 'brand_id', colocate_with => 'records');
select create_distributed_table('sync_seen_keys', 'brand_id', colocate_with => 'records');
select create_distributed_table('follow_ups', 'brand_id', colocate_with => 'records');
select create_distributed_table('live_queries', 'brand_id', colocate_with => 'records');
select create_distributed_table('places', 'brand_id', colocate_with => 'records');

-- Erasures, the audit log, the console.
select create_distributed_table('erasures', 'brand_id', colocate_with => 'records');
select create_distributed_table('suppression_hashes', 'brand_id', colocate_with => 'records');
select create_distributed_table('audit_log', 'brand_id', colocate_with => 'records');
select create_distributed_table('console_links', 'brand_id', colocate_with => 'records');
select create_distributed_table('console_accounts', 'brand_id', colocate_with => 'records');
select create_distributed_table('console_sessions', 'brand_id', colocate_with => 'records');
