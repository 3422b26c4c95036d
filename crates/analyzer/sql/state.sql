SELECT process, ppid, uid, gid, name, container FROM states WHERE id = ?1;
