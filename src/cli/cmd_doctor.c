#include "doctor.h"
#include "json.h"
#include "term.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <talloc.h>
#include <unistd.h>

static const char *const verdicts[] = {
    [VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "fail"};

void doctor_note(struct doctor *doctor, enum verdict verdict, const char *what,
                 const char *remedy, const char *fmt, ...)
{
    struct finding finding = {.verdict = verdict, .what = what};
    va_list args;

    va_start(args, fmt);
    finding.message = talloc_vasprintf(doctor->mem, fmt, args);
    va_end(args);
    if (remedy)
        finding.remedy = talloc_strdup(doctor->mem, remedy);
    doctor->list = talloc_realloc(doctor->mem, doctor->list, struct finding,
                                  doctor->count + 1);
    doctor->list[doctor->count++] = finding;
}

static enum verdict worst(const struct doctor *doctor)
{
    enum verdict verdict = VERDICT_OK;

    for (unsigned i = 0; i < doctor->count; i++)
        if (doctor->list[i].verdict > verdict)
            verdict = doctor->list[i].verdict;
    return verdict;
}

static void print_json(const struct doctor *doctor)
{
    struct json_out *out = json_out_new(doctor->mem);

    json_begin_object(out, NULL);
    json_add_string(out, "verdict", verdicts[worst(doctor)]);
    json_begin_array(out, "checks");
    for (unsigned i = 0; i < doctor->count; i++) {
        json_begin_object(out, NULL);
        json_add_string(out, "verdict", verdicts[doctor->list[i].verdict]);
        json_add_string(out, "what", doctor->list[i].what);
        json_add_string(out, "message", doctor->list[i].message);
        json_may_string(out, "remedy", doctor->list[i].remedy);
        json_end(out);
    }
    json_end(out);
    json_end(out);
    puts(json_out_text(out, NULL));
}

static void print_lines(const struct doctor *doctor)
{
    struct term term = term_of(STDOUT_FILENO);

    for (unsigned i = 0; i < doctor->count; i++) {
        const struct finding *found = &doctor->list[i];
        const char *word = verdicts[found->verdict];
        char *line = talloc_asprintf(doctor->mem, "%-9s  %s%s%s", found->what,
                                     found->message, found->remedy ? ": " : "",
                                     found->remedy ? found->remedy : "");

        printf("%s%-4s%s  %s\n", term_colour(&term, term_colour_of(word)), word,
               term_colour(&term, PLAIN), term_clip(doctor->mem, line, 0));
    }
}

/* What the settings say is looked at even where they are wrong: then with what
 * holds where there are none. */
static void read_settings(struct cli *cli, struct doctor *doctor)
{
    const char *url = cli_value(cli, "--url"),
               *token = cli_value(cli, "--token");
    struct error err;

    doctor->file = cli_value(cli, "--config");
    if (cli_conf(cli, &doctor->conf, &err)) {
        doctor_note(doctor, VERDICT_OK, "settings", NULL, "all can be read");
        doctor->url = url ? url : doctor->conf.url;
        doctor->token = token ? token : doctor->conf.token;
        return;
    }
    doctor_note(doctor, VERDICT_FAIL, "settings",
                "correct it; no program starts with it", "%s", err.text);
}

static bool cmd_doctor(struct cli *cli, struct error *err)
{
    struct doctor doctor = {.mem = cli->mem};

    if (!cli_duration(cli, "--older-than", 0, 300000, &doctor.old_ms, err))
        return false;
    read_settings(cli, &doctor);
    if (worst(&doctor) == VERDICT_OK) {
        doctor_database(&doctor);
        doctor_host(&doctor);
        doctor_types(&doctor);
        doctor_web(&doctor);
    }
    if (cli_wants_json(cli))
        print_json(&doctor);
    else
        print_lines(&doctor);
    cli->exit_code = worst(&doctor) == VERDICT_FAIL ? EXIT_FAILED : EXIT_DONE;
    return true;
}

/* clang-format off */
static const struct option options[] = {
    OPTION("--older-than", "TIME", "find fault with transactions open for longer (default 5m)"),
    SWITCH("--json", "print the findings as JSON"),
    {0},
};

const struct command doctor_commands[] = {
    {"doctor", "", "say what is wrong with an installation, and what to do",
     cmd_doctor, {options}},
    {0},
};
/* clang-format on */
