#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The whole terminal: its second screen, without cursor and echo. However the
 * program ends (a return, exit, a signal, an assertion), the terminal is as it
 * was; a stop by Ctrl-Z gives it back for as long as it lasts.
 */
bool screen_open(struct error *err) MUST_CHECK;
void screen_close(void);

/* Show this from the upper left corner on, and nothing else. */
void screen_show(const char *text, size_t len);

/* Wait so long for a key: the key, or 0 where there was none, or the terminal
 * has another size or has come back; -1 where it is gone. */
int screen_key(int64_t wait_ms);

#endif
