-- States that no event names any more.
DELETE FROM states WHERE id NOT IN (SELECT state FROM events WHERE state IS NOT NULL);
