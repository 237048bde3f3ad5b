#ifndef WORKER_MEDIA_TYPE_H
#define WORKER_MEDIA_TYPE_H

/* The content type that goes with a file's suffix. */
const char *media_type(const char *name);

#endif
