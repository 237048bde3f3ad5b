#include "report.h"

#include "guard.h"
#include "sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define NO_BWRAP "install bubblewrap (Debian package bubblewrap)"
#define NO_SPACES                                                              \
    "allow unprivileged user namespaces to the worker's user: sysctl "         \
    "user.max_user_namespaces, kernel.unprivileged_userns_clone=1, "           \
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container its "      \
    "seccomp and AppArmor profiles and masked /proc must allow them"
#define AS_ROOT "run the worker as a user of its own"

/* As a JSON string holds it; what does not fit is left out. */
static void escape(const char *text, char *ret, size_t size)
{
    size_t len = 0;

    for (; *text && len + 3 < size; text++) {
        if (*text == '"' || *text == '\\')
            ret[len++] = '\\';
        ret[len++] = (unsigned char)*text < ' ' ? ' ' : *text;
    }
    ret[len] = '\0';
}

/* The line may follow an unfinished one of the handler's. */
static void say(const char *code, const char *message, const char *details)
{
    char escaped[2048], line[4096];
    int len;

    escape(message, escaped, sizeof(escaped));
    len = snprintf(line, sizeof(line),
                   "\n{\"error\":{\"code\":\"%s\",\"message\":\"%s\"%s}}\n",
                   code, escaped, details);
    if (len > 0)
        (void)!write(GUARD_EVENTS_FD, line, (size_t)len);
    dprintf(STDERR_FILENO, "\nmillrace-sandbox: %s\n", message);
}

int report_failed_start(int error)
{
    char message[256];

    snprintf(message, sizeof(message), "the sandbox cannot be started: %s",
             strerror(error));
    say("spawn_failed", message, "");
    return EX_TEMPFAIL;
}

static bool is_passing(const char *words)
{
    return strstr(words, strerror(EAGAIN)) || strstr(words, strerror(ENOMEM));
}

/* Its first line. */
static void first_line(const char *words, char *ret, size_t size)
{
    snprintf(ret, size, "%.*s", (int)strcspn(words, "\n"), words);
}

int report_unavailable(const struct sandbox_options *options, const char *words)
{
    const char *remedy = geteuid() == 0                 ? AS_ROOT
                         : access(options->bwrap, X_OK) ? NO_BWRAP
                                                        : NO_SPACES;
    char reason[512], message[1024];

    first_line(*words ? words : "bwrap was ended", reason, sizeof(reason));
    if (options->check) {
        dprintf(STDERR_FILENO, "%s\n%s\n", reason, remedy);
        return 1;
    }
    snprintf(message, sizeof(message), "no sandbox can be made here: %s: %s",
             reason, remedy);
    say(SANDBOX_CODE_UNAVAILABLE, message, "");
    return is_passing(words) ? EX_TEMPFAIL : SANDBOX_EXIT_UNAVAILABLE;
}

int report_breach(const struct sandbox_breach *breach)
{
    char message[256], details[128];

    snprintf(message, sizeof(message), "%s (sandbox.%s)", breach->words,
             breach->limit);
    snprintf(details, sizeof(details), ",\"details\":{\"limit\":\"%s\"}",
             breach->limit);
    say(SANDBOX_CODE_LIMIT, message, details);
    return SANDBOX_EXIT_LIMIT;
}

int report_failed_exec(const char *program, int error)
{
    char message[512];

    snprintf(message, sizeof(message), "%s cannot be executed: %s", program,
             strerror(error));
    say("handler_not_found", message, "");
    return error == ENOENT ? EX_USAGE : EX_OSERR;
}
