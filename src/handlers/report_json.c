#include "report_json.h"

#include <math.h>

static json_t *count(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* A number that may be missing. */
static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static bool is_number(const struct column_summary *c)
{
    return c->type == COLUMN_INTEGER || c->type == COLUMN_NUMBER;
}

static json_t *bound(const struct column_summary *c, const char *text,
                     int64_t whole, double number)
{
    if (c->type == COLUMN_EMPTY || !*text)
        return json_null();
    if (!is_number(c))
        return json_string(text);
    return c->whole ? json_integer(whole) : real(number);
}

static json_t *top_values(const struct column_summary *c)
{
    json_t *list = json_array();
    char shown[CLIP_SHOWN];

    for (size_t i = 0; i < c->top_count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:o}", "value",
                                        clip_show(&c->top[i]->clip, shown),
                                        "count", count(c->top[i]->count)));
    return list;
}

static json_t *bad_values(const struct column_summary *c)
{
    json_t *list = json_array();
    char shown[CLIP_SHOWN];

    for (size_t i = 0; i < c->bad_shown; i++)
        json_array_append_new(
            list, json_pack("{s:o, s:s}", "row", count(c->bad[i].row), "value",
                            clip_show(&c->bad[i].value, shown)));
    return list;
}

static void add_statistics(json_t *profile, const struct column_summary *c)
{
    json_t *quantiles = json_object();

    for (int i = 0; i < QUANTILES; i++)
        json_object_set_new(quantiles, quantile_names[i],
                            real(c->quantiles[i]));
    json_object_set_new(profile, "mean", real(c->mean));
    json_object_set_new(profile, "standardDeviation", real(c->deviation));
    json_object_set_new(profile, "median", real(c->median));
    json_object_set_new(profile, "quantiles", quantiles);
    json_object_set_new(profile, "quantilesExact",
                        json_boolean(c->quantiles_exact));
}

static json_t *column_profile(const struct column_summary *c, size_t position)
{
    json_t *profile = json_pack(
        "{s:s, s:o, s:s, s:o, s:o, s:o, s:b, s:o, s:o}", "name", c->name,
        "position", count(position), "type", column_type_names[c->type],
        "count", count(c->count), "empty", count(c->empty), "distinct",
        count(c->distinct), "distinctExact", c->distinct_exact, "min",
        bound(c, c->min, c->whole_min, c->number_min), "max",
        bound(c, c->max, c->whole_max, c->number_max));

    if (is_number(c))
        add_statistics(profile, c);
    if (c->count > 0)
        json_object_set_new(
            profile, "textLength",
            json_pack("{s:o, s:o, s:f}", "min", count(c->length_min), "max",
                      count(c->length_max), "mean", c->length_mean));
    json_object_set_new(profile, "topValues", top_values(c));
    json_object_set_new(profile, "topValuesError", count(c->top_error));
    json_object_set_new(profile, "badValueCount", count(c->bad_count));
    json_object_set_new(profile, "badValues", bad_values(c));
    return profile;
}

/* What only one of the two formats has. */
static void add_format(json_t *summary, const struct analysis *a)
{
    const char delimiter[] = {a->delimiter, 0};
    json_t *sheets;

    json_object_set_new(summary, "format",
                        json_string(a->sheet ? "xlsx" : "csv"));
    if (!a->sheet) {
        json_object_set_new(summary, "delimiter", json_string(delimiter));
        json_object_set_new(summary, "encoding",
                            json_string(a->bom ? "utf-8-bom" : "utf-8"));
        return;
    }
    sheets = json_array();
    for (const char **name = a->sheets; *name; name++)
        json_array_append_new(sheets, json_string(*name));
    json_object_set_new(summary, "sheet", json_string(a->sheet));
    json_object_set_new(summary, "sheets", sheets);
    json_object_set_new(summary, "formulasWithoutValue",
                        count(a->formulas_without_value));
}

static json_t *summary(const struct analysis *a)
{
    json_t *profiles = json_array(), *dropped = json_array(), *ret;

    for (size_t i = 0; i < a->width; i++) {
        const struct column_summary *c = &a->columns[i];

        if (a->dropped[i])
            json_array_append_new(dropped,
                                  json_pack("{s:s, s:s}", "name", c->name,
                                            "reason", a->dropped[i]));
        else
            json_array_append_new(profiles, column_profile(c, i + 1));
    }
    ret = json_pack("{s:s, s:o, s:o, s:o, s:s, s:o, s:o}", "file", a->file,
                    "rows", count(a->rows), "columns", count(a->width), "bytes",
                    count(a->bytes), "filterOption",
                    a->recommended ? "recommended" : "all", "dropped", dropped,
                    "columnProfiles", profiles);
    add_format(ret, a);
    return ret;
}

json_t *report_json(const struct analysis *analysis, const char *excel_file)
{
    return json_pack("{s:o, s:s, s:s}", "summary", summary(analysis),
                     "dataSource", analysis->file, "excelFile", excel_file);
}
