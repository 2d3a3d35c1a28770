/* wal_object_format.h — the bytes of an object of the log, db/<db_id>/tl/<tl8>/wal/….wlb (names.h):
 * batches that follow each other, and the files that they name. Integers are little-endian.
 *
 *   | head, 184 bytes | file 0 | … | batch 0 | … | foot, 32 bytes |
 *
 *   HEAD    offset size
 *              0     8  "VARVEWAL"
 *              8     4  format version
 *             12     4  timeline
 *             16     8  first sequence number
 *             24     8  last sequence number
 *             32     8  earliest time of a commit in it, ms since 1970; 0: no batch has one
 *             40     8  latest time of a commit in it, or 0
 *             48     4  number of batches, 1 or more
 *             52     4  number of files
 *             56    36  id of the repository, text
 *             92    36  id of the database, text
 *            128     8  number of bytes of all files' entries
 *            136    32  foot of the object before it in this timeline, if that one ends with the
 *                       sequence number before the first; else 32 zeros
 *            168     8  zero
 *            176     8  XXH3-64 of head and files, made with zeros here
 *
 *   FILE    offset size
 *              0     4  number of the batch that names it, ascending
 *              4     4  generation of its blob
 *              8     8  size
 *             16     8  size as stored
 *             24    32  SHA-256
 *             56    32  SHA-256 as stored
 *             88     2  length of the path
 *             90     n  the path, and a NUL
 *
 *   BATCH   offset size
 *              0     4  length
 *              4     4  CRC32C of the batch
 *              8     n  the batch, as varve_log_read hands it over
 *
 *   FOOT    SHA-256 of all before it
 *
 * In an encrypted repository the whole of it is sealed (secret_format.h), and sizes and sums "as
 * stored" are those of sealed blobs. The foot of the object before makes a chain: an object of
 * another history does not fit into it, whatever its numbers say.
 *
 * Version history. 1: first. A reader refuses a version above its own. */
#ifndef VARVE_SNAPSHOT_WAL_OBJECT_FORMAT_H
#define VARVE_SNAPSHOT_WAL_OBJECT_FORMAT_H

#define WAL_OBJECT_MAGIC       "VARVEWAL"
#define WAL_OBJECT_VERSION     1
#define WAL_OBJECT_HEAD_BYTES  184
#define WAL_OBJECT_FILE_BYTES  90 /* and the path, and a NUL */
#define WAL_OBJECT_BATCH_BYTES 8  /* and the batch */
#define WAL_OBJECT_FOOT_BYTES  32

enum {
    WAL_HEAD_VERSION = 8,
    WAL_HEAD_TIMELINE = 12,
    WAL_HEAD_FIRST = 16,
    WAL_HEAD_LAST = 24,
    WAL_HEAD_TIME_FIRST = 32,
    WAL_HEAD_TIME_LAST = 40,
    WAL_HEAD_BATCHES = 48,
    WAL_HEAD_FILES = 52,
    WAL_HEAD_REPO_ID = 56,
    WAL_HEAD_DB_ID = 92,
    WAL_HEAD_FILE_BYTES = 128,
    WAL_HEAD_BEFORE = 136,
    WAL_HEAD_ZERO = 168,
    WAL_HEAD_SUM = 176
};

enum {
    WAL_FILE_BATCH = 0,
    WAL_FILE_GENERATION = 4,
    WAL_FILE_SIZE = 8,
    WAL_FILE_STORED_SIZE = 16,
    WAL_FILE_SHA256 = 24,
    WAL_FILE_STORED_SHA256 = 56,
    WAL_FILE_PATH_LEN = 88
};

#endif
