/* secret_format.h — an object as it lies in an encrypted repository. Integers are little-endian.
 *
 *   | header, 64 bytes | chunk 0 | tag | chunk 1 | tag | … | last chunk | tag |
 *
 *   HEADER  offset size
 *              0     8  "VARVENC1"
 *              8     4  format version
 *             12     4  bytes of plain text in every chunk but the last, 65536
 *             16    16  key id, the bytes of its UUID
 *             32    32  salt
 *
 *   CHUNK   AES-256-GCM under the key of the object, tag of 16 bytes. The last chunk has 0 to 65536
 *           bytes of plain text, 0 only in an object of none; every other chunk has 65536.
 *   NONCE   offset size                       ASSOCIATED DATA  the header
 *              0     8  number of the chunk, from 0
 *              8     4  1 in the last chunk, otherwise 0
 *
 *   key of the object = HMAC-SHA256(data key, "varve object" | salt)
 *   salt              = HMAC-SHA256(data key, "varve salt" | SHA-256 of the plain text)
 *   name of a blob    = HMAC-SHA256(data key, "varve name" | SHA-256 of the plain text)
 *   key of manifests  = HMAC-SHA256(data key, "varve manifest")
 *
 * The salt makes the same content the same object, so that an upload can be taken up again, and
 * gives every content a key of its own, so that a nonce never serves two. Chunks that are moved,
 * left out or taken from another object do not open, and neither does an object that ends early:
 * its last chunk was sealed as an inner one.
 *
 *   keys/<key_id>.json   the data key, sealed by AES-256-GCM under
 *     kind "passphrase"    scrypt(passphrase, salt, n, r, p)
 *     kind "file"          HMAC-SHA256(salt, bytes of the key file)
 *   with the key id as associated data.
 *
 * Version history. 1: first. A reader refuses a version above its own. */
#ifndef VARVE_SNAPSHOT_SECRET_FORMAT_H
#define VARVE_SNAPSHOT_SECRET_FORMAT_H

#define SECRET_MAGIC        "VARVENC1"
#define SECRET_VERSION      1
#define SECRET_HEADER_BYTES 64
#define SECRET_CHUNK_BYTES  65536
#define SECRET_TAG_BYTES    16
#define SECRET_NONCE_BYTES  12
#define SECRET_KEY_BYTES    32
#define SECRET_SALT_BYTES   32

#endif
