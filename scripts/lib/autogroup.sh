# shellcheck shell=bash
# The kernel's grouping of processes by session, off while tests or measurements run. Sourced after common.sh.
#
# A daemon begins a session, and Linux then schedules its threads as a group (sched(7), "The autogroup feature"). Linux 6.18 was
# seen to leave woken threads of such groups waiting for a processor, for up to two minutes, while both processors were idle:
# of runs of tests/fault.rs with four threads, the two with the grouping stood still for a minute, the one without did not.

AUTOGROUP=/proc/sys/kernel/sched_autogroup_enabled
AUTOGROUP_WAS=''

# Without the right to change it, all goes on as it is. The caller's trap must call autogroup_back.
autogroup_off() {
    [[ -w $AUTOGROUP && $(<"$AUTOGROUP") == 1 ]] || return 0
    AUTOGROUP_WAS=1
    echo 0 >"$AUTOGROUP"
}

autogroup_back() {
    [[ -z $AUTOGROUP_WAS ]] || echo "$AUTOGROUP_WAS" >"$AUTOGROUP"
    AUTOGROUP_WAS=''
}
