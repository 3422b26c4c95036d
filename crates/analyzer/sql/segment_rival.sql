-- An earlier reading of the segment that was not dropped.
SELECT o.id, o.facts, o.complete
FROM segments n JOIN segments o ON o.host = n.host AND o.began_ns = n.began_ns AND o.id < n.id
WHERE n.id = ?1 AND o.id NOT IN (SELECT segment FROM temp.dropped)
ORDER BY o.id DESC LIMIT 1;
