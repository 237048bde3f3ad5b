#include "refs.h"

#include <string.h>
#include <talloc.h>

/* Who needs whom within the batch, by their places in it. */
struct edge {
    int job, needs;
};

struct graph {
    struct edge *edges;
    int count, edge_count; /* of the jobs, of the edges */
};

/* Which job an error is about. */
static bool about(struct error *err, int index)
{
    err->item = index + 1;
    return false;
}

static bool read_names(json_t *names, const struct new_job *jobs, int count,
                       struct error *err)
{
    for (int i = 0; i < count; i++) {
        if (!jobs[i].ref)
            continue;
        if (json_object_get(names, jobs[i].ref)) {
            error_set(err, ERROR_INVALID, "duplicate_ref",
                      "two jobs of the batch have the ref \"%.100s\"",
                      jobs[i].ref);
            return about(err, i);
        }
        json_object_set_new(names, jobs[i].ref, json_integer(i));
    }
    return true;
}

static void add_edge(struct graph *graph, int job, int needs)
{
    /* Room grows at powers of two. */
    if ((graph->edge_count & (graph->edge_count - 1)) == 0)
        graph->edges = talloc_realloc(
            graph, graph->edges, struct edge,
            (unsigned)(graph->edge_count ? graph->edge_count * 2 : 1));
    graph->edges[graph->edge_count++] = (struct edge){job, needs};
}

/* One job's dependsOn, with ids for refs. What is no text is null, for the
 * database to refuse. */
static bool resolve(struct graph *graph, json_t *names, json_t *needs,
                    struct new_job *jobs, int index, struct error *err)
{
    struct json_out *out = json_out_new(graph);
    size_t i;
    json_t *item;

    json_begin_array(out, NULL);
    json_array_foreach(needs, i, item) {
        const char *name = json_string_value(item);
        json_t *place = name ? json_object_get(names, name) : NULL;

        if (place) {
            add_edge(graph, index, (int)json_integer_value(place));
            json_add_string(out, NULL, jobs[json_integer_value(place)].id);
        } else if (!name || uuid_valid(name)) {
            json_add_string(out, NULL, name);
        } else {
            error_set(err, ERROR_INVALID, "unknown_ref",
                      "dependsOn has \"%.100s\", which is neither the id of a "
                      "job nor the ref of one of this batch",
                      name);
            return about(err, index);
        }
    }
    json_end(out);
    jobs[index].needs = json_out_text(out, NULL);
    return true;
}

static bool resolve_all(struct graph *graph, json_t *names, json_t *list,
                        struct new_job *jobs, struct error *err)
{
    for (int i = 0; i < graph->count; i++) {
        json_t *needs =
            json_object_get(json_array_get(list, (size_t)i), "dependsOn");

        if (jobs[i].needs && json_is_array(needs) &&
            !resolve(graph, names, needs, jobs, i, err))
            return false;
    }
    return true;
}

/* first[j] … first[j + 1]: where those that need job j stand in the list. */
static int *list_users(const struct graph *graph, int **ret_first)
{
    int *first = talloc_zero_array(graph, int, (unsigned)graph->count + 2);
    int *users = talloc_array(graph, int, (unsigned)graph->edge_count + 1);

    for (int e = 0; e < graph->edge_count; e++)
        first[graph->edges[e].needs + 2]++;
    for (int j = 0; j < graph->count; j++)
        first[j + 2] += first[j + 1];
    for (int e = 0; e < graph->edge_count; e++)
        users[first[graph->edges[e].needs + 1]++] = graph->edges[e].job;
    *ret_first = first;
    return users;
}

/* Let the jobs go in an order in which each comes after what it needs (Kahn).
 * Gives back how many needs of each are left: 0 for all that could go. */
static int *let_go(const struct graph *graph)
{
    int *left = talloc_zero_array(graph, int, (unsigned)graph->count);
    int *gone = talloc_array(graph, int, (unsigned)graph->count);
    int *first, *users = list_users(graph, &first), count = 0;

    for (int e = 0; e < graph->edge_count; e++)
        left[graph->edges[e].job]++;
    for (int j = 0; j < graph->count; j++)
        if (left[j] == 0)
            gone[count++] = j;
    for (int i = 0; i < count; i++)
        for (int u = first[gone[i]]; u < first[gone[i] + 1]; u++)
            if (--left[users[u]] == 0)
                gone[count++] = users[u];
    return left;
}

/* A job of a circle: back from one that could not go, always to a need that
 * could not go either, as often as there are jobs. -1: all could go. */
static int find_circle(const struct graph *graph)
{
    const int *left = let_go(graph);
    int *back = talloc_array(graph, int, (unsigned)graph->count);
    int at = -1;

    for (int e = 0; e < graph->edge_count; e++) {
        const struct edge *edge = &graph->edges[e];

        if (left[edge->job] == 0 || left[edge->needs] == 0)
            continue;
        back[edge->job] = edge->needs;
        at = edge->job;
    }
    for (int i = 0; at >= 0 && i < graph->count; i++)
        at = back[at];
    return at;
}

static bool check_circles(const struct graph *graph, const struct new_job *jobs,
                          struct error *err)
{
    int index = graph->edge_count > 0 ? find_circle(graph) : -1;

    if (index < 0)
        return true;
    error_set(err, ERROR_INVALID, "dependency_cycle",
              "the job with the ref \"%.100s\" waits, through its dependsOn, "
              "for itself",
              jobs[index].ref);
    return about(err, index);
}

bool refs_resolve(void *mem, json_t *list, struct new_job *jobs, int count,
                  struct error *err)
{
    struct graph *graph = talloc_zero(mem, struct graph);
    json_t *names = json_object();
    bool ok;

    graph->count = count;
    ok = read_names(names, jobs, count, err) &&
         resolve_all(graph, names, list, jobs, err) &&
         check_circles(graph, jobs, err);
    json_decref(names);
    return ok;
}
