# shellcheck shell=bash
# The client "raw": the ceiling of the service. The same bytes by curl, many requests in flight, no file system, nothing
# hashed or signed while the clock runs. Uses WORK, SOURCE, SMALL, SMALL_COUNT, LIST_COUNT and OSIRISFS_RGW_*.

# How many in flight: 8 MiB each, and small ones, of which the gateway holds some back for 40 ms when it waits for an
# acknowledgement that the client's kernel delays.
LANES=16
SMALL_LANES=64
RAW=$WORK/raw

plan() { python3 "$REPO/scripts/lib/raw_plan.py" "$@" >"$RAW/plan"; }
run_plan() {
    curl --no-progress-meter --fail-early --parallel --parallel-immediate --parallel-max "$LANES" -K "$RAW/plan"
}

raw_mount() { mkdir -p "$RAW/parts"; }
raw_unmount() { rm -rf "$RAW"; }

raw_write_prepare() { plan write raw/big "$SOURCE" "$RAW/parts"; }
raw_write() {
    run_plan
    curl -sf -o /dev/null --data-binary "@$RAW/parts/complete.xml" "$(cat "$RAW/parts/complete.url")"
}
raw_read_prepare() { plan read raw/big "$(stat -c %s "$SOURCE")"; }
raw_read() { run_plan; }

raw_in_prepare() { plan put raw/small/ "$SMALL_COUNT" "$SMALL/00000"; }
raw_in() { LANES=$SMALL_LANES run_plan; }
raw_out_prepare() { plan get raw/small/ "$SMALL_COUNT"; }
raw_out() { LANES=$SMALL_LANES run_plan; }

# Already as many at once as there is room for.
raw_in8_prepare() { raw_in_prepare; }
raw_in8() { raw_in; }
raw_out8_prepare() { raw_out_prepare; }
raw_out8() { raw_out; }

# One after the other: where the next goes is known when the one before is done.
raw_log_prepare() { plan append "raw/log-$RANDOM$RANDOM" 100 "$SMALL/00000"; }
raw_log() { LANES=1 run_plan; }

raw_list_prepare() { plan ls many/ "$LIST_COUNT"; }
# Each page's start is only known from the one before: one at a time.
raw_list() { LANES=1 run_plan; }
