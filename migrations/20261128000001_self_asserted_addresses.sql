-- Why: an address that only records name which anybody may have written finds only where no trusted record names it.
-- Existing rows: count as trusted until their customers are made anew, which a service of this version does in the background.
alter table customer_addresses add column self_asserted boolean not null default false;
