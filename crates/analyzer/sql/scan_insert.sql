INSERT OR REPLACE INTO scans (segment, time_ns, from_ns, processes, mappings, open_files, vanished, denied, filtered)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
