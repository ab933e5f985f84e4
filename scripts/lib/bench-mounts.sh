# shellcheck shell=bash
# The clients that mount, each with the options that its users are told to take. Uses WORK, CLIENT and OSIRISFS_RGW_*.

need_client() {
    case $1 in
    raw) need_apt python3 ;;
    osirisfs) need_binary ;;
    s3fs | rclone) need_apt fuse3 "$1" ;;
    *) die "unknown client $1" ;;
    esac
}

client_version() {
    case $1 in
    raw) echo "plain requests" ;;
    osirisfs) "$BINARY" --version ;;
    s3fs) s3fs --version | sed -n '1s/.*V\([0-9.]*\).*/s3fs \1/p' ;;
    rclone) rclone version | sed -n '1s/ v\([0-9.]*\).*/ \1/p' ;;
    esac
}

osirisfs_mount() { mount_osirisfs "$OSIRISFS_RGW_BUCKET" "$MNT"; }

# s3fs takes no empty secret; the service ignores the secret of a token.
s3fs_mount() {
    (umask 077 && echo "$OSIRISFS_RGW_TOKEN_ALICE:none" >"$WORK/passwd-s3fs")
    s3fs "$OSIRISFS_RGW_BUCKET" "$MNT" \
        -o "url=$OSIRISFS_RGW_ENDPOINT,use_path_request_style,passwd_file=$WORK/passwd-s3fs"
    wait_for 30 mountpoint -q "$MNT"
}

# The cache is new with each mount. rclone 1.60 refuses to start where AWS_CA_BUNDLE is set.
rclone_mount() {
    rm -rf "$WORK/rclone"
    env -u AWS_CA_BUNDLE RCLONE_CONFIG=/dev/null \
        RCLONE_S3_ACCESS_KEY_ID="$OSIRISFS_RGW_TOKEN_ALICE" RCLONE_S3_SECRET_ACCESS_KEY=none \
        rclone mount ":s3:$OSIRISFS_RGW_BUCKET" "$MNT" --s3-provider Ceph --s3-endpoint "$OSIRISFS_RGW_ENDPOINT" \
        --vfs-cache-mode writes --vfs-write-back 0s --cache-dir "$WORK/rclone" --daemon
}

# Has the service got all? The others' close waits for that. rclone stores a file after its close has returned, even with
# a write-back time of 0, and notes in its cache which files are not stored yet.
osirisfs_settled() { true; }
s3fs_settled() { true; }
rclone_settled() { ! grep -rqs '"Dirty": true' "$WORK/rclone/vfsMeta"; }
settle() { wait_for 600 "${CLIENT}_settled"; }

# What is done on a mount is the same for all of them.
work() { python3 "$REPO/scripts/lib/bench_work.py" "$@"; }
mine() { echo "$MNT/$CLIENT"; }
# How many files a row has at once: its number.
many() { echo "${1//[^0-9]/}"; }

mount_prepare() {
    case $1 in
    write | in) mkdir -p "$(mine)" && rm -rf "$(mine)/small" ;;
    # What was not read is not in any cache. (`warm` reads what `read` has read.)
    read | first | random* | strided | mapped | read16 | read64 | list) remount ;;
    warm) work read "$(mine)/big" "$SOURCE" 1 strided "$BYTES" $((1 << 20)) "$MIB" >"$WORK/took" ;;
    copy) remount && rm -f "$(mine)/copy" ;;
    append) rm -f "$(mine)/log" ;;
    write16 | write64) rm -rf "$(mine)/many$(many "$1")" && mkdir "$(mine)/many$(many "$1")" ;;
    in8) rm -rf "$(mine)/eight" && mkdir "$(mine)/eight" ;;
    in_100k) rm -rf "$(mine)/hundred" ;;
    # After a listing, as a person would.
    out | out8 | out_100k) rm -rf "$WORK/out" && mkdir "$WORK/out" && remount && ls "$(mine)/small" >"$WORK/listing" ;;
    esac
}

mount_work() {
    case $1 in
    write) dd if="$SOURCE" of="$(mine)/big" bs=1M conv=fsync status=none && settle ;;
    read) dd if="$(mine)/big" of=/dev/null bs=1M status=none ;;
    warm) TOOK=$(work read "$(mine)/big" "$SOURCE" 1 strided "$BYTES" $((1 << 20)) "$MIB") ;;
    first) TOOK=$(work first "$(mine)/big" "$SOURCE") ;;
    random) TOOK=$(work read "$(mine)/big" "$SOURCE" 1 random "$BYTES" 4096 200) ;;
    random_128k) TOOK=$(work read "$(mine)/big" "$SOURCE" 1 random "$BYTES" 131072 200) ;;
    random16) TOOK=$(work read "$(mine)/big" "$SOURCE" 16 random "$BYTES" 4096 1000) ;;
    strided) TOOK=$(work read "$(mine)/big" "$SOURCE" 1 strided "$BYTES" 131072 "$MIB") ;;
    mapped) TOOK=$(work mapped "$(mine)/big" "$SOURCE" "$BYTES") ;;
    copy) cp "$(mine)/big" "$(mine)/copy" && settle ;;
    # rclone's fsync(2) does not wait until the service has it.
    middle) until_settled work middle "$(mine)/copy" "$BYTES" ;;
    append) until_settled work append "$(mine)/log" 4096 100 ;;
    write16 | write64) until_settled work write_many "$(mine)/many$(many "$1")" "$SOURCE" $((BYTES / $(many "$1"))) "$(many "$1")" ;;
    read16 | read64) TOOK=$(work streams "$(mine)/many$(many "$1")" "$SOURCE" $((BYTES / $(many "$1")))) ;;
    in) cp -r "$SMALL" "$(mine)/small" && settle ;;
    in8) by_eight "$SMALL" "$(mine)/eight" && settle ;;
    in_100k) cp -r "$HUNDRED" "$(mine)/hundred" && settle ;;
    out) cp -r "$(mine)/small" "$WORK/out" ;;
    out8) by_eight "$(mine)/small" "$WORK/out" ;;
    out_100k) cp -r "$(mine)/hundred" "$WORK/out" ;;
    list) ls -l "$MNT/many" >"$WORK/listing" ;;
    esac
}

# A work that prints how long it took, without the start of the program, and what the service still waited for then.
until_settled() {
    local took start
    took=$("$@")
    start=${EPOCHREALTIME/./}
    settle
    TOOK=$((took + ${EPOCHREALTIME/./} - start))
}

# Eight programs at once, each with its share of the files.
by_eight() { find "$1" -type f -print0 | xargs -0 -P 8 -n $(((SMALL_COUNT + 7) / 8)) cp -t "$2"; }

# After the clock: are the bytes right? (What bench_work.py has read it has compared.)
mount_check() {
    case $1 in
    read) cmp "$SOURCE" "$(mine)/big" ;;
    copy) cmp "$SOURCE" "$(mine)/copy" ;;
    middle) settle && remount && work middle_check "$(mine)/copy" "$SOURCE" "$BYTES" ;;
    write16 | write64) cat "$(mine)/many$(many "$1")"/* | cmp - "$SOURCE" ;;
    in8) diff -r "$SMALL" "$(mine)/eight" ;;
    in_100k) diff -r "$HUNDRED" "$(mine)/hundred" ;;
    out) diff -r "$SMALL" "$WORK/out/small" ;;
    out_100k) diff -r "$HUNDRED" "$WORK/out/hundred" ;;
    out8) diff -r "$SMALL" "$WORK/out" ;;
    list) [[ $(grep -c '^-' "$WORK/listing") -eq $LIST_COUNT ]] ;;
    esac
}

# Removes the large files.
mount_clear() { rm -rf "$(mine)"/{big,copy,many16,many64}; }

# A new mount has nothing in its caches, and neither has the kernel for it.
remount() {
    unmount "$MNT"
    "${CLIENT}_mount"
}
