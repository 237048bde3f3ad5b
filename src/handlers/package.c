#include "package.h"

#include <talloc.h>

struct package {
    zip_t *zip;
};

struct part {
    zip_file_t *file;
    const char *name;
    uint64_t read, size, packed;
};

static bool broken(const char *why, struct fault *err)
{
    return fault_set(err, FAULT_DATA, "broken_workbook",
                     "the workbook cannot be unpacked (%s); is the file whole?",
                     why);
}

static int package_close(struct package *package)
{
    if (package->zip)
        zip_discard(package->zip);
    return 0;
}

/* Out of a source, which is freed where it cannot be opened. */
static bool open_zip(struct package *package, zip_source_t *source,
                     struct fault *err)
{
    zip_error_t error;

    zip_error_init(&error);
    package->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (!package->zip) {
        broken(zip_error_strerror(&error), err);
        zip_source_free(source);
    } else if (zip_get_num_entries(package->zip, 0) > PACKAGE_MOST_PARTS) {
        fault_set(err, FAULT_DATA, "zip_bomb",
                  "the file has more than %d parts: that is no workbook",
                  PACKAGE_MOST_PARTS);
    }
    zip_error_fini(&error);
    return package->zip && !err->status;
}

struct package *package_open_source(void *mem, zip_source_t *source,
                                    struct fault *err)
{
    struct package *package = talloc_zero(mem, struct package);

    *err = (struct fault){0};
    talloc_set_destructor(package, package_close);
    if (!open_zip(package, source, err)) {
        talloc_free(package);
        return NULL;
    }
    return package;
}

struct package *package_open(void *mem, const char *path, struct fault *err)
{
    zip_error_t error;
    zip_source_t *source;

    zip_error_init(&error);
    source = zip_source_file_create(path, 0, 0, &error);
    if (!source)
        fault_set(err, FAULT_NO_INPUT, "no_input",
                  "cannot read the input file: %s", zip_error_strerror(&error));
    zip_error_fini(&error);
    return source ? package_open_source(mem, source, err) : NULL;
}

bool package_has(const struct package *package, const char *name)
{
    return zip_name_locate(package->zip, name, ZIP_FL_NOCASE) >= 0;
}

static int part_close(struct part *part)
{
    if (part->file)
        zip_fclose(part->file);
    return 0;
}

/* Why a part cannot be opened. */
static bool refuse_open(struct package *package, const zip_stat_t *facts,
                        struct fault *err)
{
    if (facts->valid & ZIP_STAT_ENCRYPTION_METHOD &&
        facts->encryption_method != ZIP_EM_NONE)
        return fault_set(err, FAULT_DATA, "encrypted_file",
                         "the workbook is encrypted: save it without a "
                         "password");
    return broken(zip_strerror(package->zip), err);
}

struct part *part_open(void *mem, struct package *package, const char *name,
                       struct fault *err)
{
    zip_int64_t at = zip_name_locate(package->zip, name, ZIP_FL_NOCASE);
    struct part *part = talloc_zero(mem, struct part);
    zip_stat_t facts;

    zip_stat_init(&facts);
    talloc_set_destructor(part, part_close);
    part->name = talloc_strdup(part, name);
    if (at < 0) {
        fault_set(err, FAULT_DATA, "no_part",
                  "the workbook has no part %.100s; is the file whole?", name);
    } else if (zip_stat_index(package->zip, (zip_uint64_t)at, 0, &facts) != 0) {
        broken(zip_strerror(package->zip), err);
    } else {
        part->size = facts.size;
        part->packed = facts.comp_size;
        part->file = zip_fopen_index(package->zip, (zip_uint64_t)at, 0);
        if (!part->file)
            refuse_open(package, &facts, err);
    }
    if (!part->file)
        TALLOC_FREE(part);
    return part;
}

static bool check_size(const struct part *part, struct fault *err)
{
    if (part->read <= PACKAGE_SAFE_BYTES ||
        (part->read <= PACKAGE_MOST_BYTES &&
         part->read / PACKAGE_MOST_RATIO <= part->packed))
        return true;
    return fault_set(err, FAULT_DATA, "zip_bomb",
                     "%.100s unpacks to more than %llu MB out of %llu kB: that "
                     "is no workbook",
                     part->name, (unsigned long long)part->read / 1000000,
                     (unsigned long long)part->packed / 1000);
}

ssize_t part_read(struct part *part, char *buf, size_t size, struct fault *err)
{
    zip_int64_t got = zip_fread(part->file, buf, size);

    if (got < 0) {
        fault_set(err, FAULT_DATA, "broken_workbook",
                  "%.100s in the workbook is damaged (%s)", part->name,
                  zip_file_strerror(part->file));
        return -1;
    }
    part->read += (uint64_t)got;
    return check_size(part, err) ? (ssize_t)got : -1;
}

uint64_t part_bytes(const struct part *part)
{
    return part->read;
}

uint64_t part_size(const struct part *part)
{
    return part->size;
}
