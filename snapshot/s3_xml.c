/* s3_xml.c — see s3_xml.h. A walk calls back at the end of each element with its path
 * ("ListBucketResult/Contents/Key") and its text; the readers below pick what they know. */
#include "s3_xml.h"

#include "base/bytes.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 256
#define PIECE_MAX      (1 << 20) /* handed to the parser at once; its lengths are int */

typedef varve_status (*element_end)(void *arg, const char *path, const char *text,
                                    varve_error *err);

typedef struct walk {
    XML_Parser parser;
    char path[PATH_MAX_BYTES], text[S3_XML_TEXT_MAX + 1];
    size_t path_len, text_len, depth, path_at[S3_XML_DEPTH_MAX + 1];
    element_end end;
    void *arg;
    varve_status status;
    varve_error *err;
} walk;

static void stop(walk *w, varve_status status)
{
    w->status = status;
    (void)XML_StopParser(w->parser, XML_FALSE);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    walk *w = arg;
    size_t len = strlen(name);
    (void)attributes;
    if (w->status != VARVE_OK) return;
    if (w->depth == S3_XML_DEPTH_MAX || w->path_len + len + 2 > sizeof w->path) {
        stop(w, vv_fail(w->err, VARVE_CORRUPT, "the answer's XML is nested too deep"));
        return;
    }
    w->path_at[w->depth++] = w->path_len;
    if (w->path_len > 0) w->path[w->path_len++] = '/';
    memcpy(w->path + w->path_len, name, len + 1);
    w->path_len += len;
    w->text_len = 0;
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
    walk *w = arg;
    if (w->status != VARVE_OK || len < 0) return;
    if ((size_t)len > S3_XML_TEXT_MAX - w->text_len) {
        stop(w, vv_fail(w->err, VARVE_LIMIT, "an element of the answer has more than %d bytes",
                        S3_XML_TEXT_MAX));
        return;
    }
    memcpy(w->text + w->text_len, text, (size_t)len);
    w->text_len += (size_t)len;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    walk *w = arg;
    (void)name;
    if (w->status != VARVE_OK) return;
    w->text[w->text_len] = '\0';
    varve_status status = w->end(w->arg, w->path, w->text, w->err);
    if (status != VARVE_OK) stop(w, status);
    w->path_len = w->path_at[--w->depth];
    w->path[w->path_len] = '\0';
    w->text_len = 0;
}

static void XMLCALL on_document_type(void *arg, const XML_Char *name, const XML_Char *system,
                                     const XML_Char *public, int internal)
{
    walk *w = arg;
    (void)name, (void)system, (void)public, (void)internal;
    stop(w, vv_fail(w->err, VARVE_CORRUPT, "the answer declares a document type"));
}

static varve_status feed(walk *w, const char *bytes, size_t len, varve_error *err)
{
    do {
        size_t piece = VV_MIN(len, PIECE_MAX);
        enum XML_Status parsed = XML_Parse(w->parser, bytes, (int)piece, piece == len);
        if (w->status != VARVE_OK) return w->status;
        if (parsed != XML_STATUS_OK)
            return vv_fail(err, VARVE_CORRUPT, "the answer is no XML: %s at byte %lld",
                           XML_ErrorString(XML_GetErrorCode(w->parser)),
                           (long long)XML_GetCurrentByteIndex(w->parser));
        bytes += piece;
        len -= piece;
    } while (len > 0);
    return VARVE_OK;
}

static varve_status walk_document(const char *bytes, size_t len, element_end end, void *arg,
                                  varve_error *err)
{
    walk w = {.end = end, .arg = arg, .err = err};
    w.parser = XML_ParserCreate(NULL);
    if (!w.parser) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a parser");
    XML_SetUserData(w.parser, &w);
    XML_SetElementHandler(w.parser, on_start, on_end);
    XML_SetCharacterDataHandler(w.parser, on_text);
    XML_SetStartDoctypeDeclHandler(w.parser, on_document_type);
    varve_status status = feed(&w, bytes, len, err);
    XML_ParserFree(w.parser);
    return status;
}

/* ---- values -------------------------------------------------------------------------------- */

static varve_status read_text(const char *text, char *ret, size_t size, const char *what,
                              varve_error *err)
{
    size_t len = strlen(text);
    if (len >= size) return vv_fail(err, VARVE_LIMIT, "%s of %zu bytes", what, len);
    memcpy(ret, text, len + 1);
    return VARVE_OK;
}

static varve_status read_number(const char *text, uint64_t *ret, const char *what, varve_error *err)
{
    uint64_t value = 0;
    bool good = *text != '\0';
    for (; good && *text; text++) {
        good = *text >= '0' && *text <= '9' && !__builtin_mul_overflow(value, 10u, &value) &&
               !__builtin_add_overflow(value, (uint64_t)(*text - '0'), &value);
    }
    if (!good) return vv_fail(err, VARVE_CORRUPT, "%s of the answer is no number", what);
    *ret = value;
    return VARVE_OK;
}

static varve_status read_truth(const char *text, bool *ret, varve_error *err)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0)
        return vv_fail(err, VARVE_CORRUPT, "the answer says '%.16s' for true or false", text);
    *ret = yes;
    return VARVE_OK;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place; false: not percent-encoded. '+' is a space, as some stores have it. */
static bool decode_percent(char *text)
{
    char *to = text;
    for (; *text; text++) {
        if (*text != '%') {
            *to++ = *text == '+' ? ' ' : *text;
            continue;
        }
        int high = hex_digit(text[1]), low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0 || high + low == 0) return false;
        *to++ = (char)(high << 4 | low);
        text += 2;
    }
    *to = '\0';
    return true;
}

/* ---- <Error> ------------------------------------------------------------------------------- */

static void copy_printable(char *ret, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++)
        ret[n++] = *text >= ' ' && *text < 0x7f ? *text : '?';
    ret[n] = '\0';
}

typedef struct failure_reader {
    s3_xml_failure *found;
    bool is_one;
} failure_reader;

static varve_status failure_end(void *arg, const char *path, const char *text, varve_error *err)
{
    failure_reader *f = arg;
    (void)err;
    if (strcmp(path, "Error/Code") == 0)
        copy_printable(f->found->code, sizeof f->found->code, text);
    else if (strcmp(path, "Error/Message") == 0)
        copy_printable(f->found->message, sizeof f->found->message, text);
    else if (strcmp(path, "Error") == 0)
        f->is_one = true;
    return VARVE_OK;
}

bool s3_xml_read_failure(const char *bytes, size_t len, s3_xml_failure *ret)
{
    s3_xml_failure found = {{0}, {0}};
    failure_reader f = {.found = &found};
    if (len == 0 || walk_document(bytes, len, failure_end, &f, NULL) != VARVE_OK || !f.is_one)
        return false;
    *ret = found;
    return true;
}

/* ---- <ListBucketResult> -------------------------------------------------------------------- */

typedef struct list_entry {
    char *key;
    uint64_t size;
} list_entry;

typedef struct list_reader { /* entries are kept until it is known whether keys are encoded */
    list_entry *entries;
    size_t count, capacity;
    char key[S3_XML_TEXT_MAX + 1];
    uint64_t size;
    bool has_key, has_size, is_one, encoded, has_truncated;
    s3_xml_page page;
} list_reader;

static varve_status add_entry(list_reader *l, varve_error *err)
{
    if (!l->has_key || !l->has_size)
        return vv_fail(err, VARVE_CORRUPT, "the list has an entry without key or size");
    if (l->count == l->capacity) {
        size_t wanted = l->capacity ? 2 * l->capacity : 256;
        list_entry *grown = realloc(l->entries, wanted * sizeof *grown);
        if (!grown) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list");
        l->entries = grown;
        l->capacity = wanted;
    }
    char *key = strdup(l->key);
    if (!key) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list");
    l->entries[l->count++] = (list_entry){key, l->size};
    l->has_key = l->has_size = false;
    return VARVE_OK;
}

static varve_status list_end(void *arg, const char *path, const char *text, varve_error *err)
{
    static const char root[] = "ListBucketResult";
    list_reader *l = arg;
    if (strncmp(path, root, sizeof root - 1) != 0)
        return vv_fail(err, VARVE_CORRUPT, "the answer is no list");
    path += sizeof root - 1;
    if (*path == '\0') l->is_one = true;
    if (strcmp(path, "/Contents") == 0) return add_entry(l, err);
    if (strcmp(path, "/Contents/Key") == 0) {
        l->has_key = true;
        return read_text(text, l->key, sizeof l->key, "a key", err);
    }
    if (strcmp(path, "/Contents/Size") == 0) {
        l->has_size = true;
        return read_number(text, &l->size, "a size", err);
    }
    if (strcmp(path, "/IsTruncated") == 0) {
        l->has_truncated = true;
        return read_truth(text, &l->page.truncated, err);
    }
    if (strcmp(path, "/NextContinuationToken") == 0)
        return read_text(text, l->page.next_token, sizeof l->page.next_token, "a token", err);
    if (strcmp(path, "/EncodingType") == 0) l->encoded = strcmp(text, "url") == 0;
    return VARVE_OK;
}

static varve_status hand_over(list_reader *l, s3_xml_each_key each, void *arg, varve_error *err)
{
    for (size_t i = 0; i < l->count; i++) {
        if (l->encoded && !decode_percent(l->entries[i].key))
            return vv_fail(err, VARVE_CORRUPT, "the list has a key in no known encoding");
        VV_TRY(each(arg, l->entries[i].key, l->entries[i].size, err));
    }
    return VARVE_OK;
}

static varve_status read_list(list_reader *l, const char *bytes, size_t len, s3_xml_each_key each,
                              void *arg, varve_error *err)
{
    VV_TRY(walk_document(bytes, len, list_end, l, err));
    if (!l->is_one || !l->has_truncated)
        return vv_fail(err, VARVE_CORRUPT, "the list does not say whether it is whole");
    if (l->page.truncated && !l->page.next_token[0])
        return vv_fail(err, VARVE_CORRUPT, "the list is cut and does not say where");
    return hand_over(l, each, arg, err);
}

static void list_reader_free(list_reader *l)
{
    for (size_t i = 0; l && i < l->count; i++)
        free(l->entries[i].key);
    if (l) free(l->entries);
    free(l);
}

varve_status s3_xml_read_list(const char *bytes, size_t len, s3_xml_each_key each, void *arg,
                              s3_xml_page *ret, varve_error *err)
{
    list_reader *l = calloc(1, sizeof *l);
    if (!l) return vv_fail(err, VARVE_NO_MEMORY, "no memory for a list");
    varve_status status = read_list(l, bytes, len, each, arg, err);
    if (status == VARVE_OK) *ret = l->page;
    list_reader_free(l);
    return status;
}

/* ---- multipart uploads --------------------------------------------------------------------- */

typedef struct one_reader { /* of one element; has_root: the document is what was asked for */
    const char *root, *wanted;
    char *ret;
    size_t size;
    bool has_root;
} one_reader;

static varve_status one_end(void *arg, const char *path, const char *text, varve_error *err)
{
    one_reader *o = arg;
    if (strcmp(path, o->root) == 0) o->has_root = true;
    return strcmp(path, o->wanted) == 0 ? read_text(text, o->ret, o->size, o->wanted, err)
                                        : VARVE_OK;
}

static varve_status read_one(const char *bytes, size_t len, one_reader *o, varve_error *err)
{
    VV_TRY(walk_document(bytes, len, one_end, o, err));
    if (!o->has_root) return vv_fail(err, VARVE_CORRUPT, "the answer is no %s", o->root);
    return VARVE_OK;
}

varve_status s3_xml_read_upload_id(const char *bytes, size_t len, char ret[S3_UPLOAD_ID_MAX],
                                   varve_error *err)
{
    char id[S3_UPLOAD_ID_MAX] = "";
    one_reader o = {.root = "InitiateMultipartUploadResult",
                    .wanted = "InitiateMultipartUploadResult/UploadId",
                    .ret = id,
                    .size = sizeof id};
    VV_TRY(read_one(bytes, len, &o, err));
    if (!id[0]) return vv_fail(err, VARVE_CORRUPT, "the upload has no id");
    memcpy(ret, id, sizeof id);
    return VARVE_OK;
}

varve_status s3_xml_read_complete(const char *bytes, size_t len, char ret[S3_ETAG_MAX],
                                  varve_error *err)
{
    char tag[S3_ETAG_MAX] = "";
    one_reader o = {.root = "CompleteMultipartUploadResult",
                    .wanted = "CompleteMultipartUploadResult/ETag",
                    .ret = tag,
                    .size = sizeof tag};
    VV_TRY(read_one(bytes, len, &o, err));
    memcpy(ret, tag, sizeof tag);
    return VARVE_OK;
}

typedef struct parts_reader {
    s3_xml_part part;
    bool is_one;
    s3_xml_parts_page page;
    s3_xml_each_part each;
    void *arg;
} parts_reader;

static varve_status end_part(parts_reader *p, varve_error *err)
{
    if (p->part.number == 0 || !p->part.etag[0])
        return vv_fail(err, VARVE_CORRUPT, "the list has a part without number or tag");
    varve_status status = p->each(p->arg, &p->part, err);
    p->part = (s3_xml_part){0};
    return status;
}

static varve_status parts_end(void *arg, const char *path, const char *text, varve_error *err)
{
    static const char root[] = "ListPartsResult";
    parts_reader *p = arg;
    if (strncmp(path, root, sizeof root - 1) != 0)
        return vv_fail(err, VARVE_CORRUPT, "the answer is no list of parts");
    path += sizeof root - 1;
    if (*path == '\0') p->is_one = true;
    if (strcmp(path, "/Part") == 0) return end_part(p, err);
    if (strcmp(path, "/Part/PartNumber") == 0)
        return read_number(text, &p->part.number, "a part's number", err);
    if (strcmp(path, "/Part/Size") == 0) return read_number(text, &p->part.size, "a size", err);
    if (strcmp(path, "/Part/ETag") == 0)
        return read_text(text, p->part.etag, sizeof p->part.etag, "a tag", err);
    if (strcmp(path, "/IsTruncated") == 0) return read_truth(text, &p->page.truncated, err);
    if (strcmp(path, "/NextPartNumberMarker") == 0 && *text)
        return read_number(text, &p->page.next_marker, "a marker", err);
    return VARVE_OK;
}

varve_status s3_xml_read_parts(const char *bytes, size_t len, s3_xml_each_part each, void *arg,
                               s3_xml_parts_page *ret, varve_error *err)
{
    parts_reader p = {.each = each, .arg = arg};
    VV_TRY(walk_document(bytes, len, parts_end, &p, err));
    if (!p.is_one) return vv_fail(err, VARVE_CORRUPT, "the answer is no list of parts");
    *ret = p.page;
    return VARVE_OK;
}
