/* The write-ahead log's file under SQLite: what one commit writes goes to the kernel in one piece. See wal_file.c. */
#ifndef DW_ENGINE_WAL_FILE_H
#define DW_ENGINE_WAL_FILE_H

/* The name of the VFS to open a store for writing with; NULL, the usual one, when SQLite cannot take it. The first call is not for two threads at once. */
const char *wal_file_vfs(void);

#endif
