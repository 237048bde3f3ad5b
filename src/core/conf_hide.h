#ifndef CORE_CONF_HIDE_H
#define CORE_CONF_HIDE_H

/* A copy of a libpq URI or conninfo text with *** for each password. */
char *conf_hide_password(void *mem, const char *url);

#endif
