#ifndef WORKER_FILE_NAME_H
#define WORKER_FILE_NAME_H

/*
 * A name under which a file of a stranger can be kept: UTF-8, no slash, no
 * control character, no leading dot, at most 200 bytes with its suffix kept.
 */
#define FILE_NAME_MAX 200

char *file_name_clean(void *mem, const char *name);

/* The nth variant of a name that is taken: "a.csv" becomes "a-2.csv". */
char *file_name_variant(void *mem, const char *name, int nth);

#endif
