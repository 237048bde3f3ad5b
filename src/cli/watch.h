#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include "cli.h"

#include <stdio.h>

/* `--json` and `--give-up`, of the commands that watch. */
extern const struct option watch_options[];

/*
 * Follow a job until it has ended, and show on `out` how it goes: a progress
 * bar on a terminal, else a line for each change, with --json the API's JSON.
 * Over HTTP by its event stream, taken up again where it broke off; else by
 * looking again and again. Fails where the job is not there, or where nothing
 * has answered for the time of --give-up. *ret_job is the job as it is at the
 * end, on `mem`.
 */
struct answer;
bool watch_job(struct cli *cli, void *mem, const char *id, FILE *out,
               struct answer *ret_job, struct error *err) MUST_CHECK;

/* Whether a job of this status has ended. */
bool watch_is_final(const char *status);

/* The exit code that a job's status at its end stands for. */
int watch_exit_code(const char *status);

/*
 * What is common to all that looks again and again: call `look` until it says
 * that it is done, with a pause between two calls that grows to `most_ms`.
 * While nothing answers it goes on for give_up_ms, but not if the first look
 * fails.
 */
typedef bool look_fn(void *arg, bool *ret_done, struct error *err);
bool watch_until(look_fn *look, void *arg, int64_t most_ms, int64_t give_up_ms,
                 struct error *err) MUST_CHECK;

#endif
