#ifndef API_UPLOAD_H
#define API_UPLOAD_H

#include "conf.h"
#include "file.h"

#include <stddef.h>

/*
 * A file on its way into the data directory. It is written beside its place
 * under a name that begins with a dot, flushed to the disk and then renamed, so
 * that what is in a place is whole. Freeing an upload that was not kept removes
 * it, wherever it has come to.
 */
struct upload;

/* `name` is what the client calls it, `content_type` may be NULL. ERROR_INVALID
 * invalid_file_name; ERROR_NO_SPACE disk_full, as of all below. */
bool upload_begin(void *mem, const struct conf *conf, const char *name,
                  const char *content_type, struct upload **ret,
                  struct error *err) MUST_CHECK;

/* ERROR_TOO_LARGE file_too_large past conf->max_upload. */
bool upload_write(struct upload *upload, const char *data, size_t len,
                  struct error *err) MUST_CHECK;

/* That was all of it: put it into its place. */
bool upload_end(struct upload *upload, struct error *err) MUST_CHECK;

/* What is known of it, whole after upload_end; without owner and time. */
const struct file *upload_file(const struct upload *upload);

/* It has been noted in the database, and stays. */
void upload_keep(struct upload *upload);

/* Take it back: it is removed with its context after all. */
void upload_drop(struct upload *upload);

/* The refusal of a file, or a body, over the limit. */
bool upload_too_large(const struct conf *conf, struct error *err);

/* Remove the bytes of a file that is no longer noted. Not there is fine. */
bool upload_remove(const struct conf *conf, const char *id,
                   struct error *err) MUST_CHECK;

#endif
