/* Tokens and sessions on the database DATABASE_URL, which tests/sql/token.t
 * starts and migrates. */
#include "queries.h"
#include "token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

#include <cmocka.h>

struct fixture {
    void *mem;
    struct db *db;
    struct error err;
    char token[TOKEN_TEXT]; /* a good one, of anna */
};

static void must(bool ok, const struct error *err)
{
    if (!ok)
        fail_msg("%s: %s", err->code, err->text);
}

static int start(void **state)
{
    struct fixture *f = talloc_zero(NULL, struct fixture);

    f->mem = f;
    *state = f;
    must(db_open(f, getenv("DATABASE_URL"), &f->db, &f->err), &f->err);
    must(token_create(f->db, "anna", ROLE_USER, "a note", f->token, &f->err),
         &f->err);
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;

    talloc_free(f);
    return 0;
}

static char *id_of(struct fixture *f, const char *token)
{
    return talloc_strndup(f, token + 3, 12);
}

static void denied(struct fixture *f, const char *text)
{
    struct caller caller;

    memset(&f->err, 0, sizeof(f->err));
    assert_false(token_check(f->db, f, text, &caller, &f->err));
    assert_int_equal(f->err.kind, ERROR_DENIED);
    assert_string_equal(f->err.code, "invalid_token");
}

static void no_session(struct fixture *f, const char *cookie)
{
    struct caller caller;

    memset(&f->err, 0, sizeof(f->err));
    assert_false(session_check(f->db, f, cookie, &caller, &f->err));
    assert_int_equal(f->err.kind, ERROR_DENIED);
    assert_string_equal(f->err.code, "invalid_session");
}

static void a_token_stands_for_its_user(void **state)
{
    struct fixture *f = *state;
    struct caller caller;

    must(token_check(f->db, f, f->token, &caller, &f->err), &f->err);
    assert_string_equal(caller.owner, "anna");
    assert_string_equal(caller.token_id, id_of(f, f->token));
    assert_int_equal(caller.role, ROLE_USER);
}

static void an_administrators_token_says_so(void **state)
{
    struct fixture *f = *state;
    char token[TOKEN_TEXT];
    struct caller caller;

    must(token_create(f->db, "root", ROLE_ADMIN, NULL, token, &f->err),
         &f->err);
    must(token_check(f->db, f, token, &caller, &f->err), &f->err);
    assert_int_equal(caller.role, ROLE_ADMIN);
}

/* The text is "mr_", 12 of [a-z0-9], "_", 43 of base64url. */
static void tokens_have_their_form_and_differ(void **state)
{
    struct fixture *f = *state;
    char last[TOKEN_TEXT] = "", token[TOKEN_TEXT];
    bool dash = false, underscore = false;
    struct caller caller;

    for (int i = 0; i < 60; i++) {
        must(token_create(f->db, "u", ROLE_USER, "", token, &f->err), &f->err);
        assert_int_equal(strlen(token), 59);
        assert_memory_equal(token, "mr_", 3);
        assert_int_equal(token[15], '_');
        assert_string_not_equal(token, last);
        must(token_check(f->db, f, token, &caller, &f->err), &f->err);
        dash |= strchr(token + 16, '-') != NULL;
        underscore |= strchr(token + 16, '_') != NULL;
        memcpy(last, token, sizeof(last));
    }
    assert_true(dash && underscore); /* 60 x 43 characters have both */
}

/* Every single change of a good token makes it bad. */
static void a_changed_token_is_denied(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < strlen(f->token); i++) {
        char *other = talloc_strdup(f, f->token);

        /* The last character carries 4 bits of the secret's end, but it is the
         * text that is hashed: there is one spelling only. */
        other[i] = other[i] == 'a' ? 'b' : 'a';
        denied(f, other);
    }
}

static const char *const strange[] = {
    "",
    "mr_",
    "mr__",
    "anna",
    "mr_abcdefghijkl",
    "mr_abcdefghijkl_",
    "MR_abcdefghijkl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "mr_ABCDEFGHIJKL_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "mr_abcdefghijkl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "mr_abcdefghijkl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "mr_abcdefghijkl_AAAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAA",
    "mr_abcdefghijkl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "mr_abcdefghijk'_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "mr_abcdefghijkl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
};

static void strange_texts_are_denied(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++)
        denied(f, strange[i]);
    denied(f, talloc_asprintf(f, "%s ", f->token));
    denied(f, talloc_asprintf(f, " %s", f->token));
}

static void the_secret_is_not_stored(void **state)
{
    struct fixture *f = *state;
    struct db_result *rows;

    must(db_query(f->db, f, SQL_TOKEN_FIND, DB_ARGS(id_of(f, f->token)), &rows,
                  &f->err),
         &f->err);
    assert_int_equal(strlen(db_text(rows, 0, "secret_hash")), 64);
    assert_null(strstr(db_text(rows, 0, "secret_hash"), f->token + 16));
}

static void a_revoked_token_is_denied(void **state)
{
    struct fixture *f = *state;
    char cookie[TOKEN_TEXT], *id = id_of(f, f->token);

    must(session_create(f->db, id, 60000, cookie, &f->err), &f->err);
    must(token_revoke(f->db, id, &f->err), &f->err);
    denied(f, f->token);
    no_session(f, cookie);
    assert_false(session_create(f->db, id, 60000, cookie, &f->err));
    assert_string_equal(f->err.code, "invalid_token");
    must(token_revoke(f->db, id, &f->err), &f->err);
}

static void an_unknown_token_cannot_be_revoked(void **state)
{
    struct fixture *f = *state;

    assert_false(token_revoke(f->db, "no-such-token", &f->err));
    assert_int_equal(f->err.kind, ERROR_NOT_FOUND);
    assert_string_equal(f->err.code, "token_not_found");
}

static void the_list_has_all_tokens(void **state)
{
    struct fixture *f = *state;
    char other[TOKEN_TEXT], *id;
    struct token_row *list;
    int count;

    must(token_create(f->db, "bert", ROLE_ADMIN, NULL, other, &f->err),
         &f->err);
    id = id_of(f, other);
    must(token_revoke(f->db, id, &f->err), &f->err);
    must(token_list(f->db, f, &list, &count, &f->err), &f->err);
    assert_true(count >= 2);
    assert_string_equal(list[count - 2].id, id_of(f, f->token));
    assert_string_equal(list[count - 2].note, "a note");
    assert_string_equal(list[count - 2].role, "user");
    assert_int_equal(list[count - 2].revoked_at, 0);
    assert_true(list[count - 2].created_at > INT64_C(1600000000000));
    assert_string_equal(list[count - 1].id, id);
    assert_string_equal(list[count - 1].role, "admin");
    assert_true(list[count - 1].revoked_at >= list[count - 1].created_at);
}

static void users_names_have_limits(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *unit;
        int times;
        bool good;
    } cases[] = {
        {"",         1,   false},
        {"a",        100, true },
        {"a",        101, false},
        {"\u00e4",   100, true }, /* characters, not bytes */
        {"\u00e4",   101, false},
        {"a\tb",     1,   false},
        {"a\x7f",    1,   false},
        {"\xc3\x28", 1,   false},
        {"a b@c",    1,   true },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *name = talloc_strdup(f, ""), token[TOKEN_TEXT];

        for (int n = 0; n < cases[i].times; n++)
            name = talloc_strdup_append(name, cases[i].unit);
        assert_int_equal(
            token_create(f->db, name, ROLE_USER, "", token, &f->err),
            cases[i].good);
        if (!cases[i].good)
            assert_int_equal(f->err.kind, ERROR_INVALID);
    }
}

static void a_session_stands_for_its_token(void **state)
{
    struct fixture *f = *state;
    char cookie[TOKEN_TEXT], other[TOKEN_TEXT];
    struct caller caller;

    must(session_create(f->db, id_of(f, f->token), 60000, cookie, &f->err),
         &f->err);
    must(session_create(f->db, id_of(f, f->token), 60000, other, &f->err),
         &f->err);
    assert_string_not_equal(cookie, other);
    must(session_check(f->db, f, cookie, &caller, &f->err), &f->err);
    assert_string_equal(caller.owner, "anna");
    assert_string_equal(caller.token_id, id_of(f, f->token));

    must(session_end(f->db, cookie, &f->err), &f->err);
    no_session(f, cookie);
    must(session_check(f->db, f, other, &caller, &f->err), &f->err);
    must(session_end(f->db, cookie, &f->err), &f->err);
}

static void a_session_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    char cookie[TOKEN_TEXT];

    must(session_create(f->db, id_of(f, f->token), 0, cookie, &f->err),
         &f->err);
    no_session(f, cookie);
}

static void strange_cookies_are_denied(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(strange) / sizeof(*strange); i++)
        no_session(f, strange[i]);
    no_session(f, f->token + 16);
    no_session(f, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}

#define WITH_TOKEN(test_) cmocka_unit_test_setup_teardown(test_, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TOKEN(a_token_stands_for_its_user),
        WITH_TOKEN(an_administrators_token_says_so),
        WITH_TOKEN(tokens_have_their_form_and_differ),
        WITH_TOKEN(a_changed_token_is_denied),
        WITH_TOKEN(strange_texts_are_denied),
        WITH_TOKEN(the_secret_is_not_stored),
        WITH_TOKEN(a_revoked_token_is_denied),
        WITH_TOKEN(an_unknown_token_cannot_be_revoked),
        WITH_TOKEN(the_list_has_all_tokens),
        WITH_TOKEN(users_names_have_limits),
        WITH_TOKEN(a_session_stands_for_its_token),
        WITH_TOKEN(a_session_ends_by_itself),
        WITH_TOKEN(strange_cookies_are_denied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
