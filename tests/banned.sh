#!/bin/sh
# Calls that this project does not use, and words of unfinished work.
cd "$(dirname "$0")/.." || exit 1
found=0
if grep -nE '\b(strcpy|strcat|sprintf|vsprintf|atoi|atol|strtok|gets|alloca|system|popen)\(' \
    -r src tests --include='*.c' --include='*.h'; then
    echo "these calls are banned: use the bounded ones"
    found=1
fi
if grep -nE "\b(TODO|FIXME|XXX)\b" -r src sql nginx systemd quickstart build-aux/stack build-aux/sql2c.awk; then
    echo "unfinished work"
    found=1
fi
exit $found
