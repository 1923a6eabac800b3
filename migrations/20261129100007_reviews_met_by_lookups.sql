-- Why: an open question says how often lookups met it, when last, and with which ticket, and lookups that find several customers
-- are questions too. So the history has the number of the ticket, and the customers that matched if they were too many.
-- Existing rows: they have no number of a ticket, and count as not too many. They are not read but for the index, which takes about a
-- second for each million; lookups are answered meanwhile, and their history waits.

alter table lookup_history
    -- The ticket, if it is a number of 1 to 7 digits: no address, no name, and shorter than a phone number with its country code.
    -- Any other ticket is only a hash, in ticket_hash: it may be anything that the caller sent.
    add column ticket text collate "C",
    -- More customers matched than an answer may have: the answer was empty, and customer_keys has some of them.
    add column too_many boolean not null default false,
    add constraint lookup_history_ticket_check check (ticket ~ '^[1-9][0-9]{0,6}$') not valid;

-- Of most addresses, lookups find one customer or none.
create index lookup_history_several_idx on lookup_history (brand_id, question_hash, asked_at) where cardinality(customer_keys) > 1;

-- Questions that only lookups met, and that somebody put away. (Those that the evidence raised are in match_reviews.)
create table postponed_lookup_reviews (
    brand_id integer not null,
    -- The keyed hash of the address or id, as in lookup_history.
    question_hash bytea not null,
    -- All customers concerned. With other customers, it is another question.
    customer_keys text[] collate "C" not null,
    postponed_until timestamptz not null,
    constraint postponed_lookup_reviews_pkey primary key (brand_id, question_hash),
    constraint postponed_lookup_reviews_brand_id_fkey foreign key (brand_id) references brands (brand_id),
    constraint postponed_lookup_reviews_question_hash_check check (octet_length(question_hash) = 16)
);
