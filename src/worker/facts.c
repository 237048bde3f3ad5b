#include "facts.h"

#include "tail.h"
#include "verdict.h"

#include <string.h>
#include <talloc.h>

struct facts {
    struct tail *tail; /* NULL: it has said nothing */
    bool ended, measured;
    struct guard_report report; /* where it has ended */
};

static struct facts *facts_of(struct attempt *attempt)
{
    if (!attempt->facts)
        attempt->facts = talloc_zero(attempt, struct facts);
    return attempt->facts;
}

void facts_line(struct attempt *attempt, const char *line, size_t len)
{
    struct facts *facts = facts_of(attempt);

    if (!facts->tail)
        facts->tail = tail_new(facts);
    tail_add(facts->tail, line, len);
}

const char *facts_last_line(const struct attempt *attempt)
{
    const struct facts *facts = attempt->facts;

    return facts && facts->tail ? tail_last(facts->tail) : NULL;
}

void facts_of_death(struct attempt *attempt, const struct guard_report *report)
{
    struct facts *facts = facts_of(attempt);

    facts->ended = true;
    facts->report = *report;
}

void facts_of_program(struct attempt *attempt,
                      const struct guard_report *report)
{
    facts_of_death(attempt, report);
    attempt->facts->measured =
        report->how == GUARD_EXITED || report->how == GUARD_SIGNALED;
}

/* What the state alone does not tell. */
static const char *outcome_of(const struct attempt *attempt, const char *state)
{
    if (!strcmp(state, "available"))
        return "returned";
    if (attempt->stop == STOP_TIMEOUT)
        return "timeout";
    return attempt->stop == STOP_HEARTBEAT ? "heartbeat" : NULL;
}

static void write_end(const struct facts *facts, struct json_out *out)
{
    const struct guard_report *report = &facts->report;
    char *signal;

    if (facts->ended && report->how == GUARD_EXITED)
        json_add_int(out, "exitCode", report->code);
    if (facts->ended && report->how == GUARD_SIGNALED) {
        signal = signal_name(NULL, report->code);
        json_add_string(out, "signal", signal);
        talloc_free(signal);
    }
    if (facts->measured) {
        json_add_int(out, "cpuMs",
                     (report->user_us + report->system_us) / 1000);
        json_add_int(out, "peakKb", report->max_rss_kb);
    }
    if (facts->tail)
        tail_write(facts->tail, out, "stderr");
}

const char *facts_text(struct attempt *attempt, const char *state)
{
    const char *outcome = outcome_of(attempt, state), *text = NULL;
    struct json_out *out;
    size_t len;

    if (!attempt->facts && !outcome)
        return NULL;
    out = json_out_new(NULL);
    json_begin_object(out, NULL);
    json_may_string(out, "outcome", outcome);
    if (attempt->facts)
        write_end(attempt->facts, out);
    json_end(out);
    if (json_out_text(out, &len) && len > strlen("{}"))
        text = talloc_strdup(attempt, json_out_text(out, NULL));
    talloc_free(out);
    return text;
}
