-- Why: the page of a question found it by its id among all open questions of the brand, and computed the id of each.
-- Existing rows: they get an id when they are written again. Until then they are found as before, as are those that an
-- earlier version changes meanwhile.

alter table match_reviews add column review_id text collate "C";

create index match_reviews_id_idx on match_reviews (brand_id, review_id);
