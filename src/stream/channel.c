#include "channel.h"

#include <string.h>
#include <talloc.h>

#define FIRST_SIZE 64

/* There are never more channels than buckets. */
struct channels {
    struct channel **buckets;
    unsigned size, count; /* size is a power of two */
};

/* FNV-1a: keys are ids with random bits, and the names of owners. */
static uint32_t hash_of(enum topic topic, const char *key)
{
    uint32_t hash = (2166136261u ^ (uint32_t)topic) * 16777619u;

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash ^ hash >> 15;
}

static struct channel **bucket(const struct channels *channels, uint32_t hash)
{
    return &channels->buckets[hash & (channels->size - 1)];
}

static void insert(struct channels *channels, struct channel *channel)
{
    struct channel **at = bucket(channels, channel->hash);

    channel->next = *at;
    *at = channel;
}

static void grow(struct channels *channels)
{
    struct channel **old = channels->buckets;
    unsigned old_size = channels->size;

    channels->size *= 2;
    channels->buckets =
        talloc_zero_array(channels, struct channel *, channels->size);
    for (unsigned i = 0; i < old_size; i++)
        for (struct channel *c = old[i], *next; c; c = next) {
            next = c->next;
            insert(channels, c);
        }
    talloc_free(old);
}

struct channels *channels_new(void *mem)
{
    struct channels *channels = talloc_zero(mem, struct channels);

    channels->size = FIRST_SIZE;
    channels->buckets =
        talloc_zero_array(channels, struct channel *, FIRST_SIZE);
    return channels;
}

unsigned channels_count(const struct channels *channels)
{
    return channels->count;
}

struct channel *channel_find(const struct channels *channels, enum topic topic,
                             const char *key)
{
    uint32_t hash = hash_of(topic, key);
    struct channel *channel = *bucket(channels, hash);

    while (channel && (channel->hash != hash || channel->topic != topic ||
                       strcmp(channel->key, key) != 0))
        channel = channel->next;
    return channel;
}

static struct channel *channel_new(struct channels *channels, enum topic topic,
                                   const char *key)
{
    size_t key_size = strlen(key) + 1;
    struct channel *channel =
        talloc_zero_size(channels, sizeof(*channel) + key_size);

    channel->topic = topic;
    channel->hash = hash_of(topic, key);
    memcpy(channel->key, key, key_size);
    LIST_INIT(&channel->members);
    return channel;
}

struct channel *channel_get(struct channels *channels, enum topic topic,
                            const char *key)
{
    struct channel *channel = channel_find(channels, topic, key);

    if (channel)
        return channel;
    channel = channel_new(channels, topic, key);
    if (channels->count == channels->size)
        grow(channels);
    insert(channels, channel);
    channels->count++;
    return channel;
}

void channel_release(struct channels *channels, struct channel *channel)
{
    struct channel **at = bucket(channels, channel->hash);

    if (!LIST_EMPTY(&channel->members))
        return;
    while (*at != channel)
        at = &(*at)->next;
    *at = channel->next;
    channels->count--;
    talloc_free(channel);
}
