#ifndef JOB_FILE_H
#define JOB_FILE_H

#include "db.h"

/* An uploaded file as the database knows it. Its bytes are at store_file(). */
struct file {
    const char *id, *owner, *name, *content_type, *sha256;
    int64_t size, created_at; /* bytes; ms since the epoch */
};

/* Note files that are in their place: all of them or none. */
bool file_add(struct db *db, const char *owner, const struct file *files,
              int count, struct error *err) MUST_CHECK;

/* One file on `mem`. `owner` is whose it must be, NULL anyone's.
 * ERROR_NOT_FOUND file_not_found. */
bool file_by_id(struct db *db, void *mem, const char *id, const char *owner,
                struct file *ret, struct error *err) MUST_CHECK;

/* Forget a file; the bytes at store_file(*ret_id) are the caller's to remove.
 * ERROR_CONFLICT file_in_use while a job that has not ended was given it. */
bool file_forget(struct db *db, void *mem, const char *id, const char *owner,
                 const char **ret_id, struct error *err) MUST_CHECK;

#endif
