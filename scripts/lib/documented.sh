# shellcheck shell=bash
# Runs what the documents of the package show, as their reader would: carol, an ordinary user, or root. A part of
# scripts/systemd-test; sourced inside the container after common.sh. A block that nobody here knows is a failure.

DOCS=/usr/share/doc/osirisfs
BLOCKS=/var/tmp/blocks

as_carol() {
    su -s /bin/bash carol -c "cd; set -eu; export EDITOR=\$HOME/editor XDG_RUNTIME_DIR=/run/user/\$(id -u); $1" </root/token
}

# blocks FILE: each indented block becomes a file; a blank line within does not end it.
blocks() {
    local name=${1##*/}
    awk -v stem="$BLOCKS/$name" '
        /^    / { if (!inside) { n++; inside = 1; out = sprintf("%s.%02d", stem, n) }
                  while (blank) { print "" >out; blank-- }
                  print substr($0, 5) >out; next }
        /^$/ { if (inside) blank++; else blank = 0; next }
        { inside = 0; blank = 0 }' "$1"
}

documented() {
    local file
    printf '%s\n' "$TOKEN" >/root/token && chmod 644 /root/token
    useradd -m carol
    systemctl start "user@$(id -u carol).service"
    # Who edits a file with a token, puts the token into it.
    # shellcheck disable=SC2016
    printf '#!/bin/sh\ncat /root-token >"$1"\n' >/home/carol/editor
    install -m 644 /root/token /root-token
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nls "$1" >/dev/null && echo done >"$1/result"\n' >/home/carol/job.sh
    chmod 755 /home/carol/editor /home/carol/job.sh
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec "$@"\n' >/usr/bin/sudo && chmod 755 /usr/bin/sudo
    install -m 600 /root/token /root/.osiris-token
    install -D -m 600 /root/token /etc/osirisfs/token
    mkdir /mnt/docs
    osirisfs mount --token-file /etc/osirisfs/token yourcou-data /mnt/docs && mkdir /mnt/docs/run7 && chown carol: /mnt/docs /mnt/docs/run7
    osirisfs umount /mnt/docs
    rm -rf $BLOCKS && mkdir -p $BLOCKS
    for file in README.md docs/GUIDE.md docs/CLUSTER.md docs/TROUBLESHOOTING.md docs/SECURITY.md docs/SEMANTICS.md \
        docs/BENCHMARKS.md; do
        blocks "$DOCS/$file"
    done
    for file in "$BLOCKS"/*; do block "$file"; done
    tables
    as_carol "osirisfs umount --all >/dev/null 2>&1; osirisfs logout >/dev/null 2>&1; true"
    rm -f /usr/bin/sudo /root-token
    # The table of mounts is as it was.
    systemctl daemon-reload
}

# carol, root: the lines of a block, one after the other, until one fails.
carol() { check "$1" as_carol "$(cat "$2")"; }
root() { check "$1" bash -euc "export HOME=/root; cd; $(cat "$2")"; }
# What is run by another test.
elsewhere() { echo "ok $1: run by $2"; }

block() {
    local file=${1##*/} first what
    file=${file%.*}
    first=$(head -n 1 "$1")
    what="$file: $first"
    case $what in
    "README.md: ./scripts/demo --once") elsewhere "$what" tests/demo.rs ;;
    "README.md: cargo build --release") elsewhere "$what" "scripts/demo and scripts/package" ;;
    "README.md: ./scripts/test") elsewhere "$what" "continuous integration" ;;
    "README.md: osirisfs login") as_carol "osirisfs umount --all" && carol "$what" "$1" ;;
    "README.md: mkdir -p ~/buckets"*)
        carol "$what" "$1" && check "all buckets" as_carol "ls ~/buckets | grep -qx yourcou-data" ;;
    "README.md: osirisfs share "*) carol "$what" "$1" ;;
    "README.md: osirisfs umount ~/data") carol "$what" "$1" ;;
    "README.md: token_file = "*) settings "$what" "$1" ;;
    "GUIDE.md: install -m 600 /dev/null"*) as_carol "rm -f .osiris-token" && carol "$what" "$1" ;;
    "GUIDE.md: token_file = "*) settings "$what" "$1" ;;
    "GUIDE.md: yourcou-data /data osirisfs "*) line_of_fstab "$what" "$1" ;;
    "GUIDE.md: sudo osirisfs unit "*) root "$what" "$1" && unit_with_automount ;;
    "GUIDE.md: sudo install -d "*) root "$what" "$1" && service_of_guide ;;
    "GUIDE.md: install -D -m 600 "*) unit_of_user "$what" "$1" ;;
    "GUIDE.md: osirisfs login --cou yourcou") all_buckets "$what" "$1" ;;
    "GUIDE.md: osirisfs share "*) carol "$what" "$1" ;;
    "GUIDE.md: getfattr -d ~/data")
        mounted_for_carol
        as_carol "touch data/run7/map.nc" && carol "$what" "$1" ;;
    "GUIDE.md: osirisfs run "*) carol "$what" "$1" && result_of_job ;;
    "GUIDE.md: osirisfs fstab --from-s3fs") cp /etc/fstab /root/fstab && s3fs_line >>/etc/fstab && root "$what" "$1"; mv /root/fstab /etc/fstab ;;
    "GUIDE.md: s3fs#"*) cp "$1" /root/of-s3fs && elsewhere "$what" "the next line" ;;
    "GUIDE.md: um-data/run7 "*) check "$what" bash -c "osirisfs fstab --from-s3fs /root/of-s3fs | grep -v '^#' | diff - $1" ;;
    "GUIDE.md: osirisfs list") watching "$what" "$1" ;;
    "GUIDE.md: osirisfs recover"*) lost_and_found "$what" "$1" ;;
    "GUIDE.md: mkdir -p ~/.local/share/bash-completion"*) carol "$what" "$1" ;;
    "CLUSTER.md: #!/bin/bash" | "CLUSTER.md: # prolog" | "CLUSTER.md: #%Module"*) elsewhere "$what" scripts/slurm-test ;;
    "CLUSTER.md: dpkg -i "*) elsewhere "$what" "scripts/package --check" ;;
    *) echo "FAILED $what: nobody runs this" ;;
    esac
}

# A file of settings that is as it should be. Its token is taken from there from now on.
settings() {
    chmod 644 "$2"
    check "$1" as_carol "install -D -m 600 $2 .config/osirisfs/config.toml && osirisfs config --show yourcou-data | grep -q 'read_only = true'"
    as_carol "sed -i 's/^read_only.*/read_only = false/' .config/osirisfs/config.toml"
}

s3fs_line() {
    echo "s3fs#yourcou-data /mnt/s3fs fuse _netdev,allow_other,use_path_request_style,url=$ENDPOINT,passwd_file=/etc/passwd-s3fs 0 0"
}

line_of_fstab() {
    mkdir -p /data
    cp /etc/fstab /root/fstab
    cat "$2" >>/etc/fstab
    systemctl daemon-reload
    check "$1" systemctl start data.automount
    check "it is mounted when somebody looks" ls /data/run7
    systemctl stop data.automount data.mount
    mv /root/fstab /etc/fstab
    systemctl daemon-reload
}

unit_with_automount() {
    check "its automount" ls /data/run7
    systemctl disable --now data.automount 2>/dev/null
    systemctl stop data.mount
    rm -f /etc/systemd/system/data.mount /etc/systemd/system/data.automount
    systemctl daemon-reload
}

service_of_guide() {
    check "its mount" ls /osiris/yourcou-data/run7
    check "its status" bash -c "systemctl status osirisfs@yourcou-data | grep -q 'everything is stored'"
    check "journalctl -u" bash -c "journalctl -u osirisfs@yourcou-data | grep -q 'is mounted on'"
    systemctl disable --now osirisfs@yourcou-data 2>/dev/null
    rm -f /etc/osirisfs/yourcou-data.token
}

unit_of_user() {
    # Her session has no polkit here, which lets everybody linger.
    sed -i '/^loginctl enable-linger$/d' "$2"
    check "loginctl enable-linger" loginctl enable-linger carol
    carol "$1" "$2"
    check "her mount" as_carol "ls osiris/yourcou-data/run7"
    as_carol "systemctl --user disable --now osirisfs@yourcou-data" 2>/dev/null
    loginctl disable-linger carol 2>/dev/null
}

all_buckets() {
    carol "$1" "$2"
    check "the new bucket" as_carol "ls buckets | grep -qx yourcou-new && rmdir buckets/yourcou-new"
    as_carol "osirisfs umount buckets"
}

result_of_job() {
    check "what the job wrote" as_carol "osirisfs run yourcou-data/run7 -- sh -c 'grep -q done \$OSIRISFS_MOUNT/result'"
}

mounted_for_carol() {
    as_carol "mkdir -p data; osirisfs status ~/data >/dev/null 2>&1 || osirisfs mount --token-file ~/.osiris-token yourcou-data ~/data"
}

# Line by line: one goes on until it is ended, and one mounts.
watching() {
    local line
    while read -r line; do
        mounted_for_carol
        case $line in
        *--watch*) check "GUIDE.md: $line" bash -c "timeout 60 su carol -c 'cd; $line' | grep -m 3 -q 'to store'" ;;
        *--metrics*)
            as_carol "osirisfs umount data"
            check "GUIDE.md: $line" as_carol "$line"
            check "its numbers" bash -c "exec 3<>/dev/tcp/127.0.0.1/9101 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 &&
                timeout 10 cat <&3 | grep -q osirisfs_operations_total"
            ;;
        *) check "GUIDE.md: $line" as_carol "$line" ;;
        esac
    done <"$2"
}

# A server of its own, which goes away while a file is being written, and comes again.
lost_server() {
    osirisfs serve-s3 --listen 127.0.0.1:9311 --data-dir /root/lost-data --user "alice_um:$TOKEN" --bucket yourcou-lost >/root/lost-server &
    LOST_SERVER=$!
    for _ in {1..600}; do
        grep -qs '^alice_um ' /root/lost-server && return
        sleep 0.1
    done
}

lost_and_found() {
    local mount="osirisfs mount --endpoint http://127.0.0.1:9311 --token-file ~/.osiris-token" writing
    lost_server
    as_carol "mkdir -p lost && $mount --ask-for 2s --retry-for 2s yourcou-lost ~/lost"
    # It is open before the server goes. No program is started meanwhile: its end would close a duplicate of the descriptor, and
    # so store the empty file, with the server or without it.
    as_carol "mkfifo go; exec 3>lost/f; : >open; read -r _ <go; echo kept >&3; exec 3>&-" 2>/dev/null &
    writing=$!
    for _ in {1..600}; do
        [[ -e /home/carol/open ]] && break
        sleep 0.1
    done
    kill "$LOST_SERVER"
    wait "$LOST_SERVER"
    timeout 60 bash -c 'echo >/home/carol/go'
    wait "$writing"
    rm -f /home/carol/open /home/carol/go /root/lost-server
    kill -KILL "$(as_carol "osirisfs status --json ~/lost" | sed -n 's/.*"pid":\([0-9]*\).*/\1/p')"
    as_carol "osirisfs umount ~/lost" 2>/dev/null
    check "it is listed" as_carol "osirisfs recover | grep -q yourcou-lost/f"
    lost_server
    carol "$1" "$2"
    check "nothing is left of it" as_carol "osirisfs recover | grep -q '^Nothing was lost'"
    check "what was lost is found" as_carol "$mount yourcou-lost ~/lost && grep -qx kept lost/f"
    as_carol "osirisfs umount ~/lost"
    kill "$LOST_SERVER"
    wait "$LOST_SERVER"
    rm -rf /root/lost-server /root/lost-data
}

# The commands in the first column of tables.
tables() {
    local file line command
    for file in README.md docs/TROUBLESHOOTING.md; do
        # shellcheck disable=SC2016
        while IFS= read -r line; do
            command=${line#"| \`"}
            command=${command%%"\`"*}
            mounted_for_carol
            case $command in
            *--foreground*)
                as_carol "osirisfs umount data"
                check "$file: $command" bash -c "timeout --signal=INT 5 su carol -c 'cd; exec $command' 2>&1 | grep -q 'is mounted on'"
                ;;
            "osirisfs unit "* | "osirisfs config "* | "osirisfs list" | "osirisfs recover" | "osirisfs status "* | "osirisfs run "*)
                check "$file: $command" as_carol "$command"
                ;;
            "osirisfs doctor "*) check "$file: $command" as_carol "$command" ;;
            "osirisfs fstab --from-s3fs") check "$file: $command" bash -c "cp /etc/fstab /root/fstab;
                echo '$(s3fs_line)' >>/etc/fstab; $command; code=\$?; mv /root/fstab /etc/fstab; exit \$code" ;;
            "journalctl -t osirisfs") check "$file: $command" bash -c "$command | grep -q 'is mounted on'" ;;
            *) echo "FAILED $file: $command: nobody runs this" ;;
            esac
        done < <(grep -E '^\| `(osirisfs|journalctl) ' "$DOCS/$file")
    done
}
