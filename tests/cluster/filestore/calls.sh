# Sourced by the scripts beside it. $SHOAL is the command, in words; where it finds its files, its environment says.

set -euo pipefail
read -ra shoal <<<"${SHOAL:-shoal}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

passed() {
    echo "ok: $*"
}

# Store a file; its id, the third word of its line, is printed.
upload() {
    "${shoal[@]}" upload "$1" | grep "File ID:" | awk '{print $3}'
}

# Fetch a file and compare it with what it was made from.
same() {
    "${shoal[@]}" download "$1" "$2.back" >/dev/null
    diff -q "$2" "$2.back" >/dev/null || fail "$2 came back changed"
}

# A verb must fail.
refused() {
    if "${shoal[@]}" "$@" >refused.out 2>&1; then
        fail "this should not succeed: $*"
    fi
}

# What stands behind a label, in what `info` says on standard input. All of it is read: a verb whose output nobody takes
# any more has failed.
told() {
    sed -n "s/^$1 *//p"
}

random_file() {
    head -c "$2" /dev/urandom >"$1"
}

now_ms() {
    date +%s%3N
}
