#ifndef API_JOB_READ_H
#define API_JOB_READ_H

#include "enqueue.h"
#include "json.h"

/*
 * A new job out of the JSON object that describes it: `json`, and `text` as it
 * was written, since payload and retry policy are kept that way. Everything is
 * checked but the rare options and what only the database knows (the type,
 * whose the files are), and an id is made. An object with documentType and no
 * type is the job of such a type with the rest as its payload. Where a member
 * is at fault, *ret_member is its name.
 */
bool job_read(void *mem, json_t *json, const char *text, size_t len,
              struct new_job *ret, const char **ret_member,
              struct error *err) MUST_CHECK;

#endif
