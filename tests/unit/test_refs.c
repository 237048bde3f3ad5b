#include "refs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define OTHER        "01890a5d-ac96-774b-bcce-b302099a8057"
#define MOST         10000

/* Jobs as job_read would give them: "ref=need,need; ..."; a job's id is its
 * place,
 * "#0". */
struct jobs {
    json_t *list;
    struct new_job *jobs;
    int count;
};

static void add(struct jobs *to, void *mem, const char *ref, json_t *needs)
{
    struct new_job job = {.type = "a", .payload = "{}"};

    snprintf(job.id, sizeof(job.id), "#%d", to->count);
    if (*ref)
        job.ref = talloc_strdup(mem, ref);
    if (json_array_size(needs) > 0)
        job.needs = "[]";
    to->jobs =
        talloc_realloc(mem, to->jobs, struct new_job, (unsigned)to->count + 1);
    to->jobs[to->count++] = job;
    json_array_append_new(to->list, json_pack("{s:o}", "dependsOn", needs));
}

static struct jobs *read_jobs(void *mem, const char *text)
{
    struct jobs *ret = talloc_zero(mem, struct jobs);
    char *copy = talloc_strdup(mem, text), *jobs, *save;

    ret->list = json_array();
    for (jobs = strtok_r(copy, "; ", &save); jobs;
         jobs = strtok_r(NULL, "; ", &save)) {
        json_t *needs = json_array();
        char *need = strchr(jobs, '='), *rest;

        *need++ = '\0';
        for (need = strtok_r(need, ",", &rest); need;
             need = strtok_r(NULL, ",", &rest))
            json_array_append_new(needs, json_string(need));
        add(ret, mem, jobs, needs);
    }
    return ret;
}

static const struct {
    const char *text, *needs; /* what becomes of them, "-" for none */
    const char *code;
    int least, most; /* which one is to blame, from 1 */
} cases[] = {
    {"a=",                     "-",                                   NULL,               0, 0},
    {"a=; b=a",                "- [\"#0\"]",                          NULL,               0, 0},
    {"a=b; b=",                "[\"#1\"] -",                          NULL,               0, 0},
    {"=" OTHER "; b=",         "[\"" OTHER "\"] -",                   NULL,               0, 0},
    {"a=; b=; =b,a,a",         "- - [\"#1\",\"#0\",\"#0\"]",          NULL,               0, 0},
    {"a=; b=a; c=a; d=b,c",    "- [\"#0\"] [\"#0\"] [\"#1\",\"#2\"]", NULL,               0, 0},
    {"a=; b=; a=",             NULL,                                  "duplicate_ref",    3, 3},
    {"a=; =c",                 NULL,                                  "unknown_ref",      2, 2},
    {"a=; =a," OTHER "x",      NULL,                                  "unknown_ref",      2, 2},
    {"a=a",                    NULL,                                  "dependency_cycle", 1, 1},
    {"a=b; b=a",               NULL,                                  "dependency_cycle", 1, 2},
    {"a=; b=a,d; c=b; d=c",    NULL,                                  "dependency_cycle", 2, 4},
    {"a=b; b=c; c=d; d=c; e=", NULL,                                  "dependency_cycle", 3, 4},
    {"a=; x=y; y=x; z=a,x",    NULL,                                  "dependency_cycle", 2, 3},
};

static const char *needs_of(void *mem, const struct jobs *jobs)
{
    char *text = talloc_strdup(mem, "");

    for (int i = 0; i < jobs->count; i++) {
        const char *needs = jobs->jobs[i].needs;

        text = talloc_asprintf_append(text, "%s%s", i ? " " : "",
                                      needs ? needs : "-");
    }
    return text;
}

static void refs_become_ids_and_circles_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        void *mem = talloc_new(NULL);
        struct jobs *jobs = read_jobs(mem, cases[i].text);
        struct error err = {0};
        bool ok = refs_resolve(mem, jobs->list, jobs->jobs, jobs->count, &err);

        assert_int_equal(ok, !cases[i].code);
        if (ok) {
            assert_string_equal(needs_of(mem, jobs), cases[i].needs);
        } else {
            assert_int_equal(err.kind, ERROR_INVALID);
            assert_string_equal(err.code, cases[i].code);
            assert_in_range(err.item, cases[i].least, cases[i].most);
        }
        json_decref(jobs->list);
        talloc_free(mem);
    }
}

/* Those that are no array are the database's to refuse. */
static void what_is_no_list_is_left_as_it_is(void **state)
{
    void *mem = talloc_new(NULL);
    struct new_job job = {.needs = "5"};
    json_t *list = json_pack("[{s:i}]", "dependsOn", 5);
    struct error err;

    (void)state;
    assert_true(refs_resolve(mem, list, &job, 1, &err));
    assert_string_equal(job.needs, "5");
    json_decref(list);
    talloc_free(mem);
}

/* One behind the other; with `closed`, the first behind the last. */
static struct jobs *chain(void *mem, bool closed)
{
    struct jobs *ret = talloc_zero(mem, struct jobs);
    char ref[16], last[16];

    ret->list = json_array();
    for (int i = 0; i < MOST; i++) {
        json_t *needs = json_array();

        snprintf(ref, sizeof(ref), "n%d", i);
        snprintf(last, sizeof(last), "n%d", (i + MOST - 1) % MOST);
        if (i > 0 || closed)
            json_array_append_new(needs, json_string(last));
        add(ret, mem, ref, needs);
    }
    return ret;
}

static void the_longest_chain_is_no_circle(void **state)
{
    (void)state;
    for (int closed = 0; closed <= 1; closed++) {
        void *mem = talloc_new(NULL);
        struct jobs *jobs = chain(mem, closed);
        struct error err = {0};

        assert_int_equal(
            refs_resolve(mem, jobs->list, jobs->jobs, jobs->count, &err),
            !closed);
        if (closed)
            assert_string_equal(err.code, "dependency_cycle");
        json_decref(jobs->list);
        talloc_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refs_become_ids_and_circles_are_found),
        cmocka_unit_test(what_is_no_list_is_left_as_it_is),
        cmocka_unit_test(the_longest_chain_is_no_circle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
