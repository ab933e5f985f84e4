# shellcheck shell=bash
# The client "raw": the ceiling of the service. The same bytes by plain requests that were signed before
# (scripts/raw-client.rs), best of several numbers in flight. Uses WORK, SOURCE, SMALL, HUNDRED, BYTES and OSIRISFS_RGW_*.

RAW=$WORK/raw

# How many requests in flight are tried; the best counts. What a program does one after the other is tried with one.
raw_lanes() {
    case $1 in
    first | random | random_128k | middle | append | copy | warm | list) echo 1 ;;
    random16) echo 16 ;;
    *) echo 4 16 64 ;;
    esac
}

plan() { python3 "$REPO/scripts/lib/raw_plan.py" "$@" >"$RAW/plan"; }
run_plan() { TOOK=$("$RAW_CLIENT" "$RAW/plan" "${LANES:-16}"); }

raw_mount() { mkdir -p "$RAW"; }
raw_unmount() { rm -rf "$RAW"; }

# By default what was planned is sent.
raw_work() {
    case $1 in
    warm) TOOK=$(work read "$SOURCE" "$SOURCE" 1 strided "$BYTES" $((1 << 20)) "$MIB") ;;
    *) run_plan ;;
    esac
}

raw_prepare() {
    case $1 in
    write) plan write raw/big "$SOURCE" "$RAW" ;;
    read | mapped) plan read raw/big "$BYTES" ;;
    first) plan pieces raw/big strided "$BYTES" 4096 1 ;;
    random) plan pieces raw/big random "$BYTES" 4096 200 ;;
    random_128k) plan pieces raw/big random "$BYTES" 131072 200 ;;
    random16) plan pieces raw/big random "$BYTES" 4096 1000 ;;
    strided) plan pieces raw/big strided "$BYTES" 131072 "$MIB" ;;
    copy) plan copy raw/big raw/copy ;;
    # A look, a read of what surrounds the change, and the four requests of an upload that keeps the rest, have no plain
    # counterpart that is as small: the ceiling is one PUT.
    middle) plan replace raw/middle "$SOURCE" 4096 1 ;;
    append) plan replace raw/append "$SOURCE" 4096 100 ;;
    write16 | write64) plan write_many "raw/many$(many "$1")/" "$SOURCE" "$RAW" "$(many "$1")" ;;
    read16 | read64) plan read_many "raw/many$(many "$1")/" $((BYTES / $(many "$1"))) "$(many "$1")" ;;
    in | in8) plan put raw/small/ "$SMALL_COUNT" "$SMALL/00000" ;;
    out | out8) plan get raw/small/ "$SMALL_COUNT" ;;
    in_100k) plan put raw/hundred/ "$SMALL_COUNT" "$HUNDRED/00000" ;;
    out_100k) plan get raw/hundred/ "$SMALL_COUNT" ;;
    list) plan ls many/ "$LIST_COUNT" ;;
    esac
}

raw_check() { true; }

# Removes the large files.
raw_clear() { plan delete raw/big raw/copy raw/many16/{00..15} raw/many64/{00..63} && run_plan; }
