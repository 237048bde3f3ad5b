# Compile SQL files into C.
#
#   awk -v form=queries.h    -f sql2c.awk sql/queries/*.sql
#   awk -v form=queries.c    -f sql2c.awk sql/queries/*.sql
#   awk -v form=migrations.c -f sql2c.awk sql/migrations/*.sql
#
# queries: "-- name: job_claim" begins a statement, a line that ends in a
# semicolon ends it. Comment lines go no further than the header; names are
# unique over all files. migrations: NNNN_what.sql, whole, numbered 0001, 0002...

BEGIN {
    what = form
    sub(/\..*/, "", what)
    print "/* Made from sql/" what "/ by sql2c.awk. */"
    if (form == "queries.h")
        queries_head()
    else
        print "#include \"" what ".h\"\n"
    if (form == "migrations.c")
        print "const struct migration migrations[] = {"
}

what == "queries" && /^-- name: / {
    if (name)
        fail("the statement " name " has no end")
    name = $3
    if (name !~ /^[a-z][a-z0-9_]*$/)
        fail("\"" name "\" is not a name")
    if (name in place)
        fail(name " is in " place[name] " already")
    place[name] = FILENAME
    order[++count] = name
    purpose = ""
    next
}

what == "queries" && /^ *(--|$)/ {
    if (name && !begun && sub(/^ *-- */, ""))
        purpose = purpose (purpose ? "\n * " : "") $0
    next
}

what == "queries" {
    if (!name)
        fail("this line belongs to no statement")
    if (!begun)
        query_begin()
    begun = 1
    last = sub(/; *$/, "")
    if (form == "queries.c")
        print "    " c_string($0 (last ? "" : "\n")) (last ? ";" : "")
    if (last)
        name = begun = ""
    next
}

what == "migrations" && FNR == 1 {
    migration_end()
    title = FILENAME
    gsub(/.*\/|\.sql$/, "", title)
    number = substr(title, 1, 4)
    if (title !~ /^[0-9][0-9][0-9][0-9]_[a-z0-9_]+$/ || number + 0 != ++count)
        fail("the name must be " sprintf("%04d", count) "_what.sql")
    print "    {.version = " count ","
    print "     .name = " c_string(substr(title, 6)) ","
    print "     .sql ="
}

what == "migrations" {
    print "     " c_string($0 "\n")
}

END {
    if (failed)
        exit 1
    if (name)
        fail("the statement " name " has no end")
    if (form == "queries.h")
        print "\n#endif"
    if (form == "queries.c")
        queries_foot()
    if (form == "migrations.c")
        migrations_foot()
}

function fail(why) {
    print FILENAME ":" FNR ": " why >"/dev/stderr"
    failed = 1
    exit 1
}

function c_string(text) {
    gsub(/[\\"]/, "\\\\&", text)
    gsub(/\n/, "\\n", text)
    return "\"" text "\""
}

function query_begin() {
    if (form == "queries.h") {
        if (purpose)
            print "\n/* " purpose " */"
        print "extern const char SQL_" toupper(name) "[];"
    } else {
        print "const char SQL_" toupper(name) "[] ="
    }
}

function queries_head() {
    print "#ifndef JOB_QUERIES_H"
    print "#define JOB_QUERIES_H\n"
    print "#include <stddef.h>\n"
    print "/* Every statement with its name. */"
    print "struct sql_query {"
    print "    const char *name, *sql;"
    print "};\n"
    print "extern const struct sql_query sql_queries[];"
    print "extern const size_t sql_query_count;"
}

function queries_foot(    i) {
    print "\nconst struct sql_query sql_queries[] = {"
    for (i = 1; i <= count; i++)
        print "    {\"" order[i] "\", SQL_" toupper(order[i]) "},"
    print "};\n"
    print "const size_t sql_query_count = " count + 0 ";"
}

function migration_end() {
    if (number)
        print "    },"
}

function migrations_foot() {
    migration_end()
    print "};\n"
    print "const size_t migration_count = " count + 0 ";"
}
