#include "api.h"
#include "handlers.h"
#include "log.h"
#include "receive.h"

#include <strings.h>
#include <talloc.h>

static void write_file(struct json_out *out, const struct file *file)
{
    json_add_string(out, "fileId", file->id);
    json_add_string(out, "name", file->name);
    json_add_int(out, "size", file->size);
    json_add_string(out, "contentType", file->content_type);
    json_add_string(out, "sha256", file->sha256);
    json_may_time(out, "createdAt", file->created_at);
}

static void send_files(struct request *req, struct response *res,
                       const struct receipt *receipt)
{
    const char *first = upload_file(receipt->files[0])->id;
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "fileId", first);
    json_begin_array(out, "files");
    for (int i = 0; i < receipt->file_count; i++) {
        json_begin_object(out, NULL);
        write_file(out, upload_file(receipt->files[i]));
        json_end(out);
    }
    json_end(out);
    json_end(out);
    http_header(req, res, "Location",
                talloc_asprintf(req, "/api/files/%s", first));
    http_send(res, 201, out);
}

/* A form with files in it, or else the file itself. */
static bool receive(struct request *req, struct receipt **ret,
                    struct error *err)
{
    static const struct receive_form any_files = {.fields = ""};
    const char *name = http_arg(req, "name");

    if (http_is_type(req, "multipart/form-data"))
        return receive_form(req, &any_files, ret, err);
    if (req->content_type && !strncasecmp(req->content_type, "multipart/", 10))
        return error_set(err, ERROR_MEDIA, "unsupported_media_type",
                         "of the multipart types only multipart/form-data is "
                         "taken, not %.80s",
                         req->content_type);
    return receive_file(req, name ? name : "file", ret, err);
}

bool post_files(struct request *req, struct response *res, struct error *err)
{
    struct receipt *receipt;
    bool ok;

    if (!receive(req, &receipt, err))
        return false;
    ok = receive_note(req, receipt, err);
    if (ok)
        send_files(req, res, receipt);
    talloc_free(receipt);
    return ok;
}

bool get_file(struct request *req, struct response *res, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct file file;
    const char *id;
    struct db *db;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !file_by_id(db, req, id, http_owner(req), &file, err))
        return false;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    write_file(out, &file);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

bool delete_file(struct request *req, struct response *res, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct error why;
    const char *id;
    struct db *db;

    if (!http_id(req, &id, err) || !http_db(req, &db, err) ||
        !file_forget(db, req, id, http_owner(req), &id, err))
        return false;
    if (!upload_remove(req->api->conf, id, &why))
        log_warn("a file that nobody knows any more stays: %s", why.text);

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "fileId", id);
    json_end(out);
    http_send(res, 200, out);
    return true;
}
