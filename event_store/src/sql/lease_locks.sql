SELECT locks.objid::bigint
FROM pg_locks AS locks
WHERE locks.locktype = 'advisory'
    AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND locks.classid::bigint = $1
    AND locks.objsubid = 2
    AND locks.granted
