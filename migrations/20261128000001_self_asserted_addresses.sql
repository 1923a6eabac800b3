-- An address that only records name which anybody may have written: it finds only where no trusted record names it.
alter table customer_addresses add column self_asserted boolean not null default false;
