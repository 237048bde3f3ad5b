#ifndef STREAM_STREAM_H
#define STREAM_STREAM_H

#include "conf.h"
#include "dba.h"

/* The parts of the process that live as long as it does. */
struct stream {
    const struct conf *conf;
    struct event_base *base;
    struct tail *tail;   /* reads the log as it grows */
    struct hub *hub;     /* hands it to the subscribers that are up to date */
    struct wheel *wheel; /* all subscribers, and their heartbeat */
    struct dba *replays; /* brings a subscriber up to date */
};

#endif
