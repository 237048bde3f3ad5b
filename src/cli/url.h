#ifndef CLI_URL_H
#define CLI_URL_H

/* A path with a part in it: url_of(mem, "/api/jobs/%s/logs", id). What is no
 * letter, digit or one of "-._~" in the part is percent-encoded. */
char *url_of(void *mem, const char *pattern, const char *part);

/* `url` with an argument more; as it was where the value is NULL. */
char *url_add(char *url, const char *name, const char *value);

#endif
