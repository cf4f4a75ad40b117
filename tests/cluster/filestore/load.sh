#!/usr/bin/env bash
# Clients that upload at once, downloads in batches, and everything mixed: not one may fail.
source "$(dirname "$0")/calls.sh"

NUM_CLIENTS=${NUM_CLIENTS:-10}
NUM_OPERATIONS=${NUM_OPERATIONS:-100}
FILE_SIZE_KB=${FILE_SIZE_KB:-100}
BATCH=${BATCH:-10}
MIXED_UPLOADS=${MIXED_UPLOADS:-20}
MIXED_DOWNLOADS=${MIXED_DOWNLOADS:-10}
MIXED_LISTS=${MIXED_LISTS:-10}

touch failures
note_failure() {
    echo "$*" >>failures
}

client_uploads() {
    local client=$1 n id
    for ((n = 1; n <= $2; n++)); do
        random_file "file-$client-$n" $((FILE_SIZE_KB * 1024))
        if id=$(upload "file-$client-$n") && [[ -n $id ]]; then
            echo "$id file-$client-$n" >>"ids-$client"
        else
            note_failure "upload $n of client $client"
        fi
    done
}

client_downloads() {
    local client=$1 id name
    while read -r id name; do
        (same "$id" "$name") || note_failure "download of $name by $client"
    done
}

client_lists() {
    local n
    for ((n = 1; n <= MIXED_LISTS; n++)); do
        "${shoal[@]}" list >/dev/null || note_failure "list $n of client $1"
    done
}

total=$((NUM_CLIENTS * NUM_OPERATIONS))
began=$(now_ms)
for ((c = 1; c <= NUM_CLIENTS; c++)); do
    client_uploads "$c" "$NUM_OPERATIONS" &
done
wait
cat ids-* >all-ids
took=$(($(now_ms) - began))
echo "$total uploads of $FILE_SIZE_KB KB by $NUM_CLIENTS clients: $took ms, $((total * 1000 / (took + 1))) a second"

began=$(now_ms)
while read -r id name; do
    echo "$id $name" | client_downloads "batch" &
    while (($(jobs -rp | wc -l) >= BATCH)); do
        wait -n
    done
done <all-ids
wait
took=$(($(now_ms) - began))
echo "$total downloads, $BATCH at a time: $took ms, $((total * 1000 / (took + 1))) a second"

for c in 1 2 3 4 5; do
    client_uploads "mixed-$c" "$MIXED_UPLOADS" &
done
for c in 1 2 3; do
    head -n "$MIXED_DOWNLOADS" "ids-$(((c - 1) % NUM_CLIENTS + 1))" | client_downloads "mixed-$c" &
done
for c in 1 2; do
    client_lists "mixed-$c" &
done
wait

[[ $(wc -l <all-ids) -eq $total ]] || note_failure "$(wc -l <all-ids) of $total uploads have an id"
[[ $(sort -u all-ids | wc -l) -eq $total ]] || note_failure "two uploads have one id"
if [[ -s failures ]]; then
    cat failures >&2
    fail "$(wc -l <failures) operations"
fi
passed "$total uploads, $total downloads, and all of it mixed: no failure"
