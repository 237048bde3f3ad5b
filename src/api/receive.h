#ifndef API_RECEIVE_H
#define API_RECEIVE_H

#include "http.h"
#include "upload.h"

/* What a form may hold. A file or a field that it does not name is refused as
 * unknown_field, one that comes twice as duplicate_field. */
struct receive_form {
    const char *file;   /* the field of the one file; NULL: any, any number */
    const char *fields; /* those that are no files: "filterOption delimiter" */
};

/* What a body brought. Freeing it removes the files unless they were noted. */
struct receipt {
    struct upload **files;
    int file_count;
    struct http_arg *fields;
    int field_count;
};

/*
 * Stream a body into the data directory: a form of one or more parts, or the
 * bytes of one file as they are. Holds a piece of it at a time, and no database
 * connection. A body that ends early, or is refused, leaves nothing behind.
 * ERROR_INVALID missing_file where a form brings none, and as upload.h,
 * multipart.h and http_read say.
 */
bool receive_form(struct request *req, const struct receive_form *form,
                  struct receipt **ret, struct error *err) MUST_CHECK;
bool receive_file(struct request *req, const char *name, struct receipt **ret,
                  struct error *err) MUST_CHECK;

/* The value of a field, or NULL. */
const char *receive_field(const struct receipt *receipt, const char *name);

/* Note the files as the caller's; now they stay. */
bool receive_note(struct request *req, struct receipt *receipt,
                  struct error *err) MUST_CHECK;

/* The opposite: nobody shall know of them any more. */
void receive_undo(struct request *req, struct receipt *receipt);

#endif
