-- Whether the order of rows is not the order of time: a run begins before one that was ingested earlier has ended.
SELECT EXISTS (
    SELECT 1 FROM runs a JOIN runs b ON b.id > a.id
    WHERE a.last_wall_ns IS NULL OR b.first_wall_ns IS NULL OR b.first_wall_ns < a.last_wall_ns
);
