/*
 * The two pipes of a process handler: lines in, lines out, in large pieces.
 * What is put is kept until channel_flush(), so that one read of many jobs
 * costs one write of many answers.
 */
#ifndef HANDLERS_CHANNEL_H
#define HANDLERS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

struct channel;

struct channel *channel_open(int in, int out);
void channel_close(struct channel *channel);

/* Read what there is (blocks for the first byte). False at the end. */
bool channel_fill(struct channel *channel);

/*
 * The next whole line without its newline, or NULL. It may be changed, has
 * one spare byte behind it, and lives until the next channel_fill().
 */
char *channel_line(struct channel *channel, size_t *ret_len);

void channel_put(struct channel *channel, const char *text, size_t len);

/* Write all that was put. False if the reader is gone. */
bool channel_flush(struct channel *channel);

#endif
