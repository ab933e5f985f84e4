#!/usr/bin/env bash
# What scripts/slurm-test does inside the container: one function a part. What docs/CLUSTER.md shows is taken from the
# package's copy of it, as it stands there.
set -uo pipefail
export LC_ALL=C
# shellcheck source=/dev/null
. /root/common.sh
DOC=/usr/share/doc/osirisfs/docs/CLUSTER.md
JOBS=/home/alice

# shown FIRST LAST: the indented lines of the document from one that begins with FIRST until one that begins with LAST
# (not with it), or until the block ends.
shown() {
    awk -v first="    $1" -v last="${2:+    $2}" '
        index($0, first) == 1 { on = 1 }
        on && (!/^(    |$)/ || (last && index($0, last) == 1)) { exit }
        on { print substr($0, 5) }' "$DOC"
}
as_alice() { su -s /bin/bash alice -c "cd; $1"; }
nothing_mounted() { not grep ' fuse.osirisfs ' /proc/self/mounts; }
# stored FILE TEXT: what is in the bucket.
stored() { as_alice "osirisfs run yourcou-data/run7 -- sh -c 'cat \$OSIRISFS_MOUNT/$1'" | grep -qx "$2"; }

setup() {
    check "dpkg -i" dpkg -i /root/packages/*.deb
    systemd-run -q --unit=s3 osirisfs serve-s3 --listen 127.0.0.1:8765 --user alice_um:slurm-test-token --bucket yourcou-data
    echo 'endpoint = "http://127.0.0.1:8765"' >/etc/osirisfs.conf
    useradd -m alice
    install -d -o alice -g alice -m 700 $JOBS/.config $JOBS/.config/osirisfs
    echo 'token_file = "~/.osiris-token"' >$JOBS/.config/osirisfs/config.toml
    echo slurm-test-token | install -o alice -m 600 /dev/stdin $JOBS/.osiris-token
    chown -R alice: $JOBS/.config
    mkdir -p $JOBS/data && chown alice: $JOBS/data
    soon 20 as_alice "osirisfs mount yourcou-data data" && as_alice "mkdir data/run7; osirisfs umount data"
    cat >/etc/slurm/slurm.conf <<'C'
ClusterName=test
SlurmctldHost=localhost
SlurmUser=root
StateSaveLocation=/var/lib/slurm-state
SlurmdSpoolDir=/var/lib/slurm-spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
KillWait=20
NodeName=localhost CPUs=2
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
C
    mkdir -p /var/lib/slurm-state /var/lib/slurm-spool
    systemctl restart munge slurmctld slurmd
    check "Slurm runs a job" soon 60 as_alice "timeout 20 srun hostname"
}

# As the document shows it.
write_job() {
    shown '#!/bin/bash' >$JOBS/job.sbatch
    printf '#!/bin/sh\n%s\n' "$1" >$JOBS/job.sh
    chmod 755 $JOBS/job.sh
}

job() {
    # shellcheck disable=SC2016
    write_job 'echo "it is $1" && echo from-slurm >"$1/result"'
    check "the job script of the document" grep -q 'exec osirisfs run yourcou-data/run7' $JOBS/job.sbatch
    check "sbatch" as_alice "sbatch --wait --output=out job.sbatch"
    check "its mount was below the temporary folder" grep -q '^it is /tmp/osirisfs-run-' $JOBS/out
    check "nothing is mounted" soon 10 nothing_mounted
    check "what it wrote is stored" stored result from-slurm
}

failing_job() {
    # shellcheck disable=SC2016
    write_job 'echo half >"$1/half"; exit 7'
    local code=0
    as_alice "sbatch --wait --output=out job.sbatch" >/dev/null || code=$?
    check "the exit code of the command is that of the job" test "$code" = 7
    check "what it wrote is stored all the same" stored half half
    check "nothing is mounted" soon 10 nothing_mounted
}

# What --signal=B:TERM@120 does two minutes before the end, and what scancel does.
cancelled_job() {
    # shellcheck disable=SC2016
    write_job 'trap "echo saved >$1/state; exit 0" TERM; touch "$1/begun"; while :; do sleep 0.2; done'
    local id how
    for how in "--signal=TERM --batch" ""; do
        id=$(as_alice "sbatch --parsable --output=out job.sbatch")
        check "the job is running" soon 60 bash -c "ls /proc/*/cwd >/dev/null 2>&1; squeue -h -t R -o %A | grep -qx $id &&
            grep -q ' fuse.osirisfs ' /proc/self/mounts && pgrep -f job.sh"
        soon 20 as_alice 'test -e /tmp/osirisfs-run-*/begun'
        # shellcheck disable=SC2086
        check "scancel $how" scancel $how "$id"
        check "it ends" soon 60 bash -c "! squeue -h -o %A | grep -qx $id"
        check "nothing is mounted" soon 30 nothing_mounted
        check "what it wrote at the end is stored" stored state saved
        as_alice "osirisfs run yourcou-data/run7 -- sh -c 'rm \$OSIRISFS_MOUNT/state \$OSIRISFS_MOUNT/begun'"
    done
}

prolog() {
    {
        echo '#!/bin/bash'
        shown '# prolog' '# epilog'
    } >/etc/slurm/prolog
    {
        echo '#!/bin/bash'
        shown '# epilog'
    } >/etc/slurm/epilog
    chmod 755 /etc/slurm/prolog /etc/slurm/epilog
    printf 'Prolog=/etc/slurm/prolog\nEpilog=/etc/slurm/epilog\n' >>/etc/slurm/slurm.conf
    check "Slurm with prolog and epilog" scontrol reconfigure
    # shellcheck disable=SC2016
    check "the job finds the mount" as_alice 'timeout 60 srun sh -c "echo by-prolog >/tmp/osiris-\$SLURM_JOB_ID/prolog"'
    check "nothing is mounted" soon 30 nothing_mounted
    check "no folder is left" soon 10 bash -c '! find /tmp -maxdepth 1 -name "osiris-*" | grep .'
    as_alice "osirisfs mount yourcou-data data"
    check "what it wrote is stored" as_alice "grep -qx by-prolog data/prolog"
    as_alice "osirisfs umount data"
    useradd -m bob
    check "a job of a user without a token runs" su -s /bin/bash bob -c "cd; timeout 60 srun true"
    check "the node stays in service" soon 10 bash -c "sinfo -h -o %T | grep -qx idle"
}

module_file() {
    mkdir /root/tar
    tar -C /root/tar --strip-components=1 -xzf /root/packages/osirisfs-*.tar.gz
    check "install.sh into /sw" env PREFIX=/sw/osirisfs HOME=/root /root/tar/install.sh
    mkdir -p /sw/modules
    shown '#%Module' >/sw/modules/osirisfs
    check "module load" as_alice ". /etc/profile.d/modules.sh && module use /sw/modules && module load osirisfs &&
        test \"\$(command -v osirisfs)\" = /sw/osirisfs/bin/osirisfs &&
        case :\$MANPATH: in *:/sw/osirisfs/share/man:*) ;; *) exit 1 ;; esac"
}

"$1"
