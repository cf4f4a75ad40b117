#!/usr/bin/env bash
# The five verbs, one after the other.
source "$(dirname "$0")/calls.sh"

echo "a file of a line" >notes.txt
id=$(upload notes.txt)
[[ -n $id ]] || fail "no id was printed"
passed "upload"

"${shoal[@]}" list | grep "$id" >/dev/null || fail "the list has no $id"
passed "list"

"${shoal[@]}" info "$id" | grep "notes.txt" >/dev/null || fail "info tells another name"
passed "info"

same "$id" notes.txt
passed "download"

"${shoal[@]}" delete "$id" >/dev/null
refused info "$id"
passed "delete"
