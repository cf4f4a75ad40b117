#!/usr/bin/env bash
# Nine groups: kinds of files, a large one, many at once, listing, fields, cycles, deletion, odd cases, time taken.
source "$(dirname "$0")/calls.sh"

CONCURRENT=${CONCURRENT:-20}
CYCLES=${CYCLES:-10}
SECONDS_MAX=${SECONDS_MAX:-5}

# 1: kinds of files
echo "plain text" >text.txt
random_file binary.bin $((100 * 1024))
echo '{"name": "shoal", "numbers": [1, 2, 3]}' >document.json
kinds=()
for file in text.txt binary.bin document.json; do
    id=$(upload $file)
    same "$id" $file
    kinds+=("$id")
done
passed "text, binary and JSON"

# 2: a large file
random_file large.bin $((10 * 1024 * 1024))
large=$(upload large.bin)
same "$large" large.bin
passed "10 MB"

# 3: many at once
for ((n = 1; n <= CONCURRENT; n++)); do
    echo "number $n" >"many-$n.txt"
    upload "many-$n.txt" >"many-$n.id" &
done
wait
for ((n = 1; n <= CONCURRENT; n++)); do
    [[ -s many-$n.id ]] || fail "upload $n of $CONCURRENT at once"
done
[[ $(sort -u many-*.id | wc -l) -eq $CONCURRENT ]] || fail "two files have one id"
same "$(cat many-1.id)" many-1.txt
passed "$CONCURRENT uploads at once"

# 4: listing
total=$("${shoal[@]}" list | sed -n 's/^Files (Total: \([0-9]*\))$/\1/p')
((total >= CONCURRENT + 4)) || fail "$total files are listed"
passed "list of $total"

# 5: what is told of a file
"${shoal[@]}" info "$large" >info.txt
for label in "File ID:" "Filename:" "Size:" "Replicas:"; do
    grep -q "$label" info.txt || fail "info has no $label"
done
[[ $(told "Filename:" <info.txt) == large.bin ]] || fail "its name"
[[ $(told "Size:" <info.txt) == "10485760 bytes" ]] || fail "its size"
[[ $(told "Replicas:" <info.txt) =~ ^\[node-[0-9]+\ node-[0-9]+\]$ ]] || fail "its replicas"
passed "fields of info"

# 6: cycles
for ((n = 1; n <= CYCLES; n++)); do
    random_file cycle.bin $((n * 1000))
    id=$(upload cycle.bin)
    same "$id" cycle.bin
    "${shoal[@]}" delete "$id" >/dev/null
done
passed "$CYCLES cycles of upload, download and delete"

# 7: deletion
"${shoal[@]}" delete "${kinds[0]}" >/dev/null
refused download "${kinds[0]}" gone.txt
[[ ! -e gone.txt ]] || fail "a download that failed left a file"
same "${kinds[1]}" binary.bin
same "${kinds[2]}" document.json
passed "deletion, and others stay"

# 8: odd cases
: >empty.txt
id=$(upload empty.txt)
same "$id" empty.txt
[[ $("${shoal[@]}" info "$id" | told "Filename:") == empty.txt ]] || fail "an empty file lost its name"
odd="report & notes (final).txt"
echo "odd" >"$odd"
id=$(upload "$odd")
same "$id" "$odd"
[[ $("${shoal[@]}" info "$id" | told "Filename:") == "$odd" ]] || fail "the name is another"
echo "mine" >kept.txt
refused download 00000000-0000-4000-8000-000000000000 kept.txt
[[ $(cat kept.txt) == mine ]] || fail "a download that failed harmed a file"
refused info no-such-id
refused delete 00000000-0000-4000-8000-000000000000
passed "an empty file, an odd name, unknown ids"

# 9: time taken
random_file megabyte.bin $((1024 * 1024))
began=$(now_ms)
id=$(upload megabyte.bin)
uploaded=$(now_ms)
same "$id" megabyte.bin
downloaded=$(now_ms)
((uploaded - began < SECONDS_MAX * 1000)) || fail "1 MB up took $((uploaded - began)) ms"
((downloaded - uploaded < SECONDS_MAX * 1000)) || fail "1 MB down took $((downloaded - uploaded)) ms"
passed "1 MB: up $((uploaded - began)) ms, down $((downloaded - uploaded)) ms"
