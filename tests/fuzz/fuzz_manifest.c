/* fuzz_manifest.c — any bytes for a manifest, a key of the repository, a name and an encrypted
 * object. Besides not crashing: a manifest that is taken is written again as the same text, every
 * path in it fits the grammar, every key is that of its content; a name that is taken is built
 * again as it was. */
#include "fields.h"
#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 65536
/* As assert, in every build. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) abort();                                                                 \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_files(const manifest *m)
{
    for (size_t i = 0; i < m->file_count; i++) {
        const manifest_file *f = &m->files[i];
        file_role role;
        uint32_t collection;
        require(folder_path_parse(f->path, &role, &collection));
        require(role == f->role && collection == f->collection);
        require(!strstr(f->path, "..") && f->path[0] != '/');
        require(memcmp(f->blob, f->sha256, SUMS_BYTES) == 0);
        require(f->size <= MANIFEST_FILE_BYTES_MAX);
    }
}

static void parse(const char *text, size_t len)
{
    manifest m;
    varve_error err = {0};
    VV_CLEANUP(buffer_done) buffer again = {0};
    if (manifest_parse(text, len, NULL, "input", &m, &err) != VARVE_OK) {
        require(err.message[0]);
        return;
    }
    check_files(&m);
    buffer_init(&again, TEXT_BYTES_MAX, "manifest");
    require(manifest_write(&m, NULL, &again, &err) == VARVE_OK);
    require(again.len == len && memcmp(again.data, text, len) == 0);
    manifest_done(&m);
}

/* The sum of what is there, so that mutations reach the fields behind it. */
static void parse_with_sum(const char *text, size_t len)
{
    VV_CLEANUP(fields_decrefp) json_t *j = NULL;
    VV_CLEANUP(buffer_done) buffer out = {0};
    uint8_t sum[SUMS_BYTES];
    buffer_init(&out, 2 * TEXT_BYTES_MAX, "manifest");
    if (fields_parse(text, len, "input", &j, NULL) != VARVE_OK) return;
    (void)json_object_del(j, "sum");
    if (fields_dump(j, &out, NULL) != VARVE_OK) return;
    require(sums_of_bytes(out.data, out.len, sum, NULL) == VARVE_OK);
    require(fields_set(j, "sum", fields_new_sum(sum), NULL) == VARVE_OK);
    buffer_clear(&out);
    if (fields_dump(j, &out, NULL) == VARVE_OK) parse(out.data, out.len);
}

static void parse_name(const char *text)
{
    object_name name;
    char key[NAMES_KEY_MAX];
    if (!names_parse(text, &name)) return;
    names_build(&name, key);
    require(strcmp(key, text) == 0);
}

static varve_status forget(void *arg, const void *bytes, size_t len, varve_error *err)
{
    (void)arg, (void)bytes, (void)len, (void)err;
    return VARVE_OK;
}

/* Nobody who lacks the key makes an object that opens. */
static void unseal(const char *bytes, size_t len)
{
    static secret *s;
    secret_codec *c = NULL;
    char *json = NULL;
    const secret_source source = {.passphrase = "p", .scrypt_log2n = 1};
    if (!s && secret_create(&source, &snapshot_env_real, &s, &json, NULL) != VARVE_OK) abort();
    free(json);
    require(secret_unseal_new(s, forget, NULL, &c, NULL) == VARVE_OK);
    if (secret_codec_put(c, bytes, len, NULL) == VARVE_OK)
        require(secret_codec_end(c, NULL) != VARVE_OK);
    secret_codec_free(c);
}

static void parse_key(const char *text, size_t len)
{
    secret *s = NULL;
    if (memmem(text, len, "scrypt", 6)) return; /* its cost is theirs to choose, up to a limit */
    require(secret_open(&(secret_source){0}, text, len, &s, NULL) != VARVE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > TEXT_BYTES_MAX) return 0;
    char *text = malloc(size + 1);
    if (!text) abort();
    if (size) memcpy(text, data, size);
    text[size] = 0;
    parse(text, size);
    parse_with_sum(text, size);
    parse_name(text);
    parse_key(text, size);
    unseal(text, size);
    free(text);
    return 0;
}
