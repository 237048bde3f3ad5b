#ifndef STREAM_CHANNEL_H
#define STREAM_CHANNEL_H

#include "subscriber.h"

#include <stdint.h>

/* All who listen to the same thing. Lives as long as it has members. */
struct channel {
    struct channel *next; /* in its bucket */
    enum topic topic;
    uint32_t hash;
    struct subscribers members;
    char key[];
};

/* Channels by topic and key: a hash table. */
struct channels;

struct channels *channels_new(void *mem);
unsigned channels_count(const struct channels *channels);

/* NULL where nobody listens. */
struct channel *channel_find(const struct channels *channels, enum topic topic,
                             const char *key);

/* The channel, new if it must be. */
struct channel *channel_get(struct channels *channels, enum topic topic,
                            const char *key);

/* A member has left: free the channel if it was the last. */
void channel_release(struct channels *channels, struct channel *channel);

#endif
