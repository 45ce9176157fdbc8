#!/bin/sh
# Usage: embed.sh FOLDER > embedded.c     Prints a C table (bot/embedded.h) of every file below FOLDER, sorted by name.
set -eu
export LC_ALL=C
cd "$1"
echo '#include "bot/embedded.h"'
list=$(find . -type f ! -name '.*' | sed 's|^\./||' | sort)
i=0
for f in $list; do
    echo "static const unsigned char file_$i[] = {"
    od -An -v -tx1 "$f" | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '0};'
    i=$((i + 1))
done
echo 'const struct embedded embedded_all[] = {'
i=0
for f in $list; do
    echo "    {\"$f\", file_$i, sizeof file_$i - 1},"
    i=$((i + 1))
done
echo '    {NULL, NULL, 0},'
echo '};'
