#include "queues.h"

#include "conf_value.h"
#include "db.h"

#include <string.h>
#include <talloc.h>

/* What is made of the text, word by word. */
struct reading {
    struct queues queues;
    struct db_array *names, *reserves;
    const char **seen;
    unsigned count;
};

static bool refuse(const char *word, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "invalid_setting",
                     "MILLRACE_QUEUES cannot have \"%s\": %s", word, why);
}

static bool is_name(const char *name)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return *name && !strchr("._-", *name) && strlen(name) <= 100 &&
           !name[strspn(name, good)];
}

static bool is_seen(const struct reading *in, const char *name)
{
    for (unsigned i = 0; i < in->count; i++)
        if (!strcmp(in->seen[i], name))
            return true;
    return false;
}

static void add_reserve(void *mem, struct queues *queues, const char *name,
                        int count)
{
    queues->list = talloc_realloc(mem, queues->list, struct reserve,
                                  (unsigned)queues->count + 1);
    queues->list[queues->count++] =
        (struct reserve){.queue = name, .count = count};
}

static void add(void *mem, struct reading *in, const char *name, int64_t count)
{
    in->seen = talloc_realloc(mem, in->seen, const char *, in->count + 1);
    in->seen[in->count++] = name;
    db_array_add(in->names, name);
    if (count > 0) {
        add_reserve(mem, &in->queues, name, (int)count);
        db_array_add_int(in->reserves, count);
    } else {
        db_array_add(in->reserves, NULL);
    }
}

/* One word: "mail" or "mail=2". */
static bool read_word(void *mem, const char *word, struct reading *in,
                      struct error *err)
{
    char *name = talloc_strdup(mem, word);
    char *equals = strchr(name, '=');
    int64_t count = 0;

    if (equals)
        *equals = '\0';
    if (!is_name(name))
        return refuse(word,
                      "the name of a queue has letters, digits, dots, "
                      "underscores and hyphens, 100 in all",
                      err);
    if (equals &&
        (!conf_value_read(CONF_COUNT, equals + 1, &count) || count > INT32_MAX))
        return refuse(word, "behind \"=\" stands how many slots are reserved",
                      err);
    if (is_seen(in, name))
        return refuse(word, "this queue is named twice", err);
    add(mem, in, name, count);
    return true;
}

static bool check_sum(const struct queues *queues, int64_t slots,
                      struct error *err)
{
    int64_t sum = 0;

    for (int i = 0; i < queues->count; i++)
        sum += queues->list[i].count;
    return sum <= slots ||
           error_set(err, ERROR_INVALID, "invalid_setting",
                     "MILLRACE_QUEUES reserves %lld slots, but MILLRACE_SLOTS "
                     "has only %lld",
                     (long long)sum, (long long)slots);
}

bool queues_read(void *mem, const char *text, int64_t slots, struct queues *ret,
                 struct error *err)
{
    struct reading in = {
        .names = db_array_new(mem),
        .reserves = db_array_new(mem),
    };

    for (text += strspn(text, ", "); *text; text += strspn(text, ", ")) {
        size_t len = strcspn(text, ", ");

        if (!read_word(mem, talloc_strndup(mem, text, len), &in, err))
            return false;
        text += len;
    }
    if (!check_sum(&in.queues, slots, err))
        return false;
    if (in.count > 0)
        in.queues.names = db_array_text(in.names);
    if (in.queues.count > 0)
        in.queues.reserves = db_array_text(in.reserves);
    *ret = in.queues;
    return true;
}

struct reserve *queues_reserve(const struct queues *queues, const char *queue)
{
    for (int i = 0; i < queues->count; i++)
        if (!strcmp(queues->list[i].queue, queue))
            return &queues->list[i];
    return NULL;
}

int reserve_unfilled(const struct reserve *reserve)
{
    int left = reserve->count - reserve->running;

    return left > 0 ? left : 0;
}
