#ifndef WORKER_CGI_ANSWER_H
#define WORKER_CGI_ANSWER_H

#include "web_answer.h"

#include "error.h"

/*
 * Read what a CGI program has written: header lines, an empty line, the body.
 * Status is 200 where there is none. The strings are on `mem`, the body is a
 * part of `data`.
 */
bool cgi_answer_read(void *mem, const char *data, size_t len,
                     struct web_answer *ret, struct error *err) MUST_CHECK;

#endif
