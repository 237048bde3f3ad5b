#include "verdict.h"

#include "sandbox.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <talloc.h>

/* ------------------------------------------------------------ details */

static int details_drop(json_t **details)
{
    json_decref(*details);
    return 0;
}

/* What the handler gave as details, with a fact of ours in it; on `mem`. */
static json_t *details_with(void *mem, json_t *given, const char *name,
                            json_t *fact)
{
    json_t **owner = talloc(mem, json_t *);

    *owner = json_is_object(given) ? json_copy(given)
             : given               ? json_pack("{s:O}", "details", given)
                                   : json_object();
    talloc_set_destructor(owner, details_drop);
    json_object_set_new(*owner, name, fact);
    return *owner;
}

char *signal_name(void *mem, int signo)
{
    const char *name = sigabbrev_np(signo);

    return name ? talloc_asprintf(mem, "SIG%s", name)
                : talloc_asprintf(mem, "signal %d", signo);
}

/* ------------------------------------------------------------ failures */

static void of_signal(void *mem, int signo, struct failure *ret)
{
    char *name = signal_name(mem, signo);

    ret->code = "handler_killed";
    ret->message = talloc_asprintf(mem, "the handler was ended by %s", name);
    ret->details = details_with(mem, NULL, "signal", json_string(name));
}

/* A program that is not there will not be there in a second either. */
static void of_exec(void *mem, int error, struct failure *ret)
{
    ret->code = "handler_not_found";
    ret->message = talloc_asprintf(mem, "the handler cannot be executed: %s",
                                   strerror(error));
    ret->final = error == ENOENT;
}

/* What is the machine's fault, or that of whoever has killed the guard. */
static void of_guard(void *mem, const struct guard_report *report,
                     struct failure *ret)
{
    ret->code = "handler_lost";
    ret->message =
        report->how == GUARD_FAILED
            ? talloc_asprintf(mem, "the handler could not be started: %s",
                              strerror(report->code))
            : "the guard of the handler was killed";
}

static void of_status(void *mem, int status, const struct said *said,
                      const char *last_line, struct failure *ret)
{
    const char *code =
        status == EX_TEMPFAIL ? "temporary_failure" : "handler_failed";

    ret->code = said->code ? said->code : code;
    ret->message = said->message ? said->message
                   : last_line   ? last_line
                               : talloc_asprintf(mem, "exit status %d", status);
    ret->details =
        details_with(mem, said->details, "exitCode", json_integer(status));
    ret->keeps_artifacts = said->keeps_artifacts;
    ret->retry_after_ms = said->retry_after_ms;
    ret->final =
        status == EX_USAGE || status == EX_DATAERR || status == EX_NOINPUT;
}

bool verdict(void *mem, const struct guard_report *report,
             const struct said *said, const char *last_line,
             struct failure *ret)
{
    *ret = (struct failure){0};
    switch ((enum guard_outcome)report->how) {
    case GUARD_EXITED:
        if (report->code == EX_OK)
            return true;
        of_status(mem, report->code, said, last_line, ret);
        break;
    case GUARD_SIGNALED:
        of_signal(mem, report->code, ret);
        break;
    case GUARD_EXEC_FAILED:
        of_exec(mem, report->code, ret);
        break;
    case GUARD_FAILED:
    case GUARD_LOST:
        of_guard(mem, report, ret);
        break;
    }
    return false;
}

void verdict_of_death(void *mem, const struct guard_report *report,
                      struct failure *ret)
{
    const struct said nothing = {0};
    int status = report->code;

    if (report->how == GUARD_EXITED) {
        *ret = (struct failure){
            .message = talloc_asprintf(
                mem, "the handler's process ended with status %d", status),
            .details =
                details_with(mem, NULL, "exitCode", json_integer(status)),
        };
    } else {
        verdict(mem, report, &nothing, NULL, ret);
    }
    if (report->how != GUARD_EXEC_FAILED)
        ret->code = "handler_died";
}

void verdict_of_sandbox(const struct guard_report *report, struct failure *ret)
{
    if (report->how != GUARD_EXITED)
        return;
    if (report->code == SANDBOX_EXIT_UNAVAILABLE) {
        ret->code = SANDBOX_CODE_UNAVAILABLE;
        ret->message = "no sandbox can be made here; millrace doctor and the "
                       "worker's log say why";
        ret->final = true;
    } else if (report->code == SANDBOX_EXIT_LIMIT) {
        ret->code = SANDBOX_CODE_LIMIT;
        ret->message = "the handler's process has passed a limit of its "
                       "sandbox; the worker's log says which";
    }
}
