-- Damage of the captures that tell of a host, and of those that tell of none at all.
WITH told AS (
    SELECT i.* FROM inputs i
    WHERE EXISTS (SELECT 1 FROM segments s WHERE s.input = i.id AND s.host = ?1)
        OR NOT EXISTS (SELECT 1 FROM segments s WHERE s.input = i.id)
)
SELECT what, bytes, from_ns, to_ns FROM (
    SELECT i.run, i.position, d.position AS at, d.what, d.bytes, d.after_wall_ns AS from_ns, d.before_wall_ns AS to_ns
    FROM told i JOIN damage d ON d.input = i.id
    UNION ALL
    SELECT i.run, i.position, 1000000, i.damage_more || ' further damages', 0, NULL, NULL FROM told i WHERE i.damage_more > 0
    UNION ALL
    SELECT i.run, i.position, 1000001, 'it could not be read on: ' || i.failure, 0, NULL, NULL FROM told i WHERE i.failure IS NOT NULL
    UNION ALL
    SELECT i.run, i.position, 1000002, i.out_of_order || ' records came too late for their place in time', 0, NULL, NULL
    FROM told i WHERE i.out_of_order > 0
)
ORDER BY run, position, at;
