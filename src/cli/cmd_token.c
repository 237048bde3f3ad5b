#include "cli.h"
#include "columns.h"
#include "json.h"
#include "pick.h"
#include "token.h"

#include <stdio.h>
#include <string.h>

/* Nothing but the token goes to stdout, so that a script can keep it. */
static bool cmd_create(struct cli *cli, struct error *err)
{
    const char *note = cli_value(cli, "--note");
    char text[TOKEN_TEXT];
    struct db *db;

    if (!cli_db(cli, &db, err) ||
        !token_create(db, cli_value(cli, "--user"),
                      cli_flag(cli, "--admin") ? ROLE_ADMIN : ROLE_USER,
                      note ? note : "", text, err))
        return false;
    printf("%s\n", text);
    return true;
}

static const char *json_of(void *mem, const struct token_row *list, int count)
{
    struct json_out *out = json_out_new(mem);

    json_begin_object(out, NULL);
    json_begin_array(out, "tokens");
    for (int i = 0; i < count; i++) {
        json_begin_object(out, NULL);
        json_add_string(out, "id", list[i].id);
        json_add_string(out, "user", list[i].owner);
        json_add_string(out, "role", list[i].role);
        json_add_string(out, "note", list[i].note);
        json_add_time(out, "createdAt", list[i].created_at);
        json_may_time(out, "revokedAt", list[i].revoked_at);
        json_end(out);
    }
    json_end(out);
    json_end(out);
    return json_out_text(out, NULL);
}

static bool print_table(void *mem, const char *json, struct error *err)
{
    static const struct column columns[] = {
        {"ID",      "id",        CELL_TEXT, false},
        {"ROLE",    "role",      CELL_TEXT, false},
        {"CREATED", "createdAt", CELL_TIME, false},
        {"REVOKED", "revokedAt", CELL_TIME, false},
        {"USER",    "user",      CELL_TEXT, true },
        {"NOTE",    "note",      CELL_TEXT, true },
    };
    struct look look = look_at(stdout);
    json_t *tokens;

    if (!json_parse(mem, json, strlen(json), &tokens, err))
        return false;
    table_print(&look, pick(tokens, "tokens"), columns, COUNT(columns), stdout);
    return true;
}

static bool cmd_list(struct cli *cli, struct error *err)
{
    struct token_row *list;
    const char *json;
    struct db *db;
    int count;

    if (!cli_db(cli, &db, err) || !token_list(db, cli->mem, &list, &count, err))
        return false;
    json = json_of(cli->mem, list, count);
    if (!cli_wants_json(cli))
        return print_table(cli->mem, json, err);
    puts(json);
    return true;
}

static bool cmd_revoke(struct cli *cli, struct error *err)
{
    struct db *db;

    return cli_db(cli, &db, err) && token_revoke(db, cli_operand(cli, 0), err);
}

/* clang-format off */
static const struct option create_options[] = {
    OPTION("--user", "NAME", "whose jobs the token sees and makes", .needed = true),
    SWITCH("--admin", "it sees and changes everybody's, and may administer"),
    OPTION("--note", "TEXT", "what it is for"),
    {0},
};

const struct command token_commands[] = {
    {"token create", "", "make a token and print it; it is shown only this once",
     cmd_create, {create_options}},
    {"token list", "", "list all tokens, without their secrets",
     cmd_list, {json_option}},
    {"token revoke", "ID", "end a token and its sessions at once",
     cmd_revoke, {0}},
    {0},
};
/* clang-format on */
