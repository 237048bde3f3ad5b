#ifndef CORE_FETCH_PRIVATE_H
#define CORE_FETCH_PRIVATE_H

#include <curl/curl.h>

/* What fetch.c and fetch_many.c share. */

/* The headers of a request, as curl wants them; freed by the caller. */
struct curl_slist *fetch_headers(const char *const *headers);

/* What every request has: its URL, method, headers and body. */
struct fetch_request;
void fetch_prepare(CURL *curl, const struct fetch_request *req,
                   struct curl_slist *headers);

/* A header of the answer, on `mem`; "" where there is none. */
const char *fetch_header(CURL *curl, void *mem, const char *name);

#endif
