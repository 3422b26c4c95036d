-- Everything that a schema is made of.
SELECT type, name, sql FROM sqlite_schema ORDER BY type, name;
