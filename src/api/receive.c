#include "receive.h"
#include "api.h"
#include "buf.h"
#include "log.h"
#include "multipart.h"

#include <string.h>
#include <talloc.h>

#define PIECE 65536

/* A form on its way in. */
struct intake {
    struct request *req;
    const struct receive_form *form;
    struct receipt *receipt;
    struct upload *upload; /* the part in work, where it is a file */
    struct buf text;       /* else its value so far */
};

typedef bool piece_fn(void *arg, const char *data, size_t len,
                      struct error *err);

/* Hand the body on piece by piece. That the whole body is over the limit means
 * the same to the client as that its file is. */
static bool read_pieces(struct request *req, piece_fn *take, void *arg,
                        struct error *err)
{
    char *piece = talloc_size(req, PIECE);
    size_t len;

    http_db_done(req);
    do {
        if (!http_read(req, piece, PIECE, &len, err))
            return err->kind == ERROR_TOO_LARGE
                       ? upload_too_large(req->api->conf, err)
                       : false;
        if (len > 0 && !take(arg, piece, len, err))
            return false;
    } while (len > 0);
    talloc_free(piece);
    return true;
}

static bool add_upload(struct request *req, struct receipt *receipt,
                       const char *name, const char *content_type,
                       struct upload **ret, struct error *err)
{
    if (!upload_begin(receipt, req->api->conf, name, content_type, ret, err))
        return false;
    receipt->files = talloc_realloc(receipt, receipt->files, struct upload *,
                                    (unsigned)receipt->file_count + 1);
    receipt->files[receipt->file_count++] = *ret;
    return true;
}

/* Whether a word is among those of a list. */
static bool is_listed(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (; *list; list += strspn(list, " ")) {
        size_t next = strcspn(list, " ");

        if (next == len && !memcmp(list, word, len))
            return true;
        list += next;
    }
    return false;
}

static bool unknown_field(const struct receive_form *form, const char *name,
                          struct error *err)
{
    return error_set(err, ERROR_INVALID, "unknown_field",
                     "the form has no field \"%.80s\" here; known: %s%s%s",
                     name, form->file ? form->file : "files in any field",
                     *form->fields ? " (a file), " : "", form->fields);
}

static bool duplicate_field(const char *name, struct error *err)
{
    return error_set(err, ERROR_INVALID, "duplicate_field",
                     "the field %s is given twice", name);
}

static bool begin_file(struct intake *in, const struct multipart_part *part,
                       struct error *err)
{
    const struct receive_form *form = in->form;

    if (form->file && strcmp(part->name, form->file) != 0)
        return unknown_field(form, part->name, err);
    if (form->file && in->receipt->file_count > 0)
        return duplicate_field(part->name, err);
    if (!*part->filename)
        return error_set(err, ERROR_INVALID, "missing_file",
                         "no file was chosen for the field \"%.80s\"",
                         part->name);
    return add_upload(in->req, in->receipt, part->filename, part->content_type,
                      &in->upload, err);
}

static bool begin_field(struct intake *in, const struct multipart_part *part,
                        struct error *err)
{
    struct receipt *receipt = in->receipt;

    if (in->form->file && !strcmp(part->name, in->form->file))
        return error_set(err, ERROR_INVALID, "missing_file",
                         "the field %s must be a file: it has no file name",
                         part->name);
    if (!is_listed(in->form->fields, part->name))
        return unknown_field(in->form, part->name, err);
    if (receive_field(receipt, part->name))
        return duplicate_field(part->name, err);
    receipt->fields = talloc_realloc(receipt, receipt->fields, struct http_arg,
                                     (unsigned)receipt->field_count + 1);
    receipt->fields[receipt->field_count++] =
        (struct http_arg){talloc_strdup(receipt, part->name), ""};
    buf_init(&in->text, receipt, 64);
    return true;
}

static bool on_begin(void *arg, const struct multipart_part *part,
                     struct error *err)
{
    struct intake *in = arg;

    in->upload = NULL;
    return part->filename ? begin_file(in, part, err)
                          : begin_field(in, part, err);
}

static bool on_data(void *arg, const char *data, size_t len, struct error *err)
{
    struct intake *in = arg;

    if (in->upload)
        return upload_write(in->upload, data, len, err);
    buf_add(&in->text, data, len);
    return true;
}

static bool on_end(void *arg, struct error *err)
{
    struct intake *in = arg;
    struct http_arg *field;

    if (in->upload)
        return upload_end(in->upload, err);
    field = &in->receipt->fields[in->receipt->field_count - 1];
    if (memchr(in->text.data, '\0', in->text.len))
        return error_set(err, ERROR_INVALID, "invalid_multipart",
                         "the field %s contains a zero byte", field->name);
    field->value = buf_text(&in->text);
    return true;
}

static bool to_parser(void *arg, const char *data, size_t len,
                      struct error *err)
{
    return multipart_feed(arg, data, len, err);
}

static bool take_form(struct intake *in, struct error *err)
{
    static const struct multipart_calls calls = {on_begin, on_data, on_end};
    struct request *req = in->req;
    struct multipart *parser;

    if (!multipart_open(in->receipt, req->content_type, &calls, in, &parser,
                        err) ||
        !read_pieces(req, to_parser, parser, err) ||
        !multipart_end(parser, err))
        return false;
    talloc_free(parser);
    if (in->receipt->file_count == 0)
        return error_set(err, ERROR_INVALID, "missing_file",
                         "the form has no file in it");
    return true;
}

bool receive_form(struct request *req, const struct receive_form *form,
                  struct receipt **ret, struct error *err)
{
    struct intake in = {
        .req = req, .form = form, .receipt = talloc_zero(req, struct receipt)};

    if (!take_form(&in, err)) {
        talloc_free(in.receipt);
        return false;
    }
    *ret = in.receipt;
    return true;
}

static bool to_upload(void *arg, const char *data, size_t len,
                      struct error *err)
{
    return upload_write(arg, data, len, err);
}

bool receive_file(struct request *req, const char *name, struct receipt **ret,
                  struct error *err)
{
    struct receipt *receipt = talloc_zero(req, struct receipt);
    struct upload *upload;

    if (!add_upload(req, receipt, name, req->content_type, &upload, err) ||
        !read_pieces(req, to_upload, upload, err) || !upload_end(upload, err)) {
        talloc_free(receipt);
        return false;
    }
    *ret = receipt;
    return true;
}

const char *receive_field(const struct receipt *receipt, const char *name)
{
    for (int i = 0; i < receipt->field_count; i++)
        if (!strcmp(receipt->fields[i].name, name))
            return receipt->fields[i].value;
    return NULL;
}

bool receive_note(struct request *req, struct receipt *receipt,
                  struct error *err)
{
    struct file *files =
        talloc_array(receipt, struct file, (unsigned)receipt->file_count);
    struct db *db;

    for (int i = 0; i < receipt->file_count; i++)
        files[i] = *upload_file(receipt->files[i]);
    if (!http_db(req, &db, err) ||
        !file_add(db, req->caller.owner, files, receipt->file_count, err))
        return false;
    for (int i = 0; i < receipt->file_count; i++)
        upload_keep(receipt->files[i]);
    return true;
}

void receive_undo(struct request *req, struct receipt *receipt)
{
    struct error err;
    struct db *db;
    const char *id;

    for (int i = 0; i < receipt->file_count; i++) {
        struct upload *upload = receipt->files[i];

        if (http_db(req, &db, &err) &&
            file_forget(db, receipt, upload_file(upload)->id, NULL, &id, &err))
            upload_drop(upload);
        else
            log_warn("an upload that is not wanted stays: %s", err.text);
    }
}
