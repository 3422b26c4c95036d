-- The newest minor version of the record schema that a host's captures have.
SELECT schema_minor FROM hosts WHERE id = ?1;
