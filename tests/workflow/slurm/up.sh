#!/usr/bin/env bash
# A SLURM cluster of this one machine, on loopback, without systemd, as root on Debian or Ubuntu.
#
#   tests/workflow/slurm/up.sh [CPUS]     starts munged, slurmctld and slurmd, installing them with apt if
#                                they are not there; does nothing where the cluster is up already
#   tests/workflow/slurm/down.sh          stops what this has started
#
# ACCOUNTING=1 adds mariadb and slurmdbd, so that there is sacct; GPUS=N makes the node claim N
# GPUs, which are null devices. Exit status 77: the cluster cannot be had here; the last line of
# the output says why. A machine that belongs to a cluster already is left alone.
set -euo pipefail
cpus=${1:-$(nproc)} accounting=${ACCOUNTING:-0} gpus=${GPUS:-0}
conf=/etc/slurm/slurm.conf
mark='# of zowarmup/tests/workflow/slurm/up.sh'

cannot() {
    echo "no SLURM here: $*"
    exit 77
}

until_true() { # until_true SECONDS COMMAND...: try ten times a second
    local tries=$(($1 * 10))
    shift
    for _ in $(seq "$tries"); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    echo "waited in vain for: $*"
    return 1
}

works() { munge -n </dev/null | unmunge; }
ready() { sinfo -h -N -o %T | grep -Eq '^(idle|mixed|allocated)$'; }
listens() { (exec 3<>/dev/tcp/127.0.0.1/"$1"); }

if [ -e $conf ] && ! grep -qxF "$mark" $conf; then
    cannot "$conf is of another cluster, and stays as it is"
fi
[ -z "${SLURM_CONF:-}" ] || cannot "SLURM_CONF is set: this machine belongs to a cluster"
if [ -e $conf ] && timeout 5 scontrol ping >/dev/null 2>&1 && ready; then
    exit 0
fi
[ "$(id -u)" = 0 ] || cannot "only root can start the daemons (or has started them before)"

# --- packages
wanted=(slurm-wlm munge) commands=(slurmctld slurmd munged)
if [ "$accounting" = 1 ]; then
    wanted+=(slurmdbd mariadb-server) commands+=(slurmdbd mariadbd)
fi
if ! command -v "${commands[@]}" >/dev/null || [ "$(command -v "${commands[@]}" | wc -l)" != ${#commands[@]} ]; then
    command -v apt-get >/dev/null || cannot "${wanted[*]} are not installed, and there is no apt"
    log=$(mktemp)
    # At run level 1 no package starts a service by itself.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 timeout 180 bash -c \
        'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"' - "${wanted[@]}" \
        >"$log" 2>&1 </dev/null || cannot "apt cannot install ${wanted[*]}: $(tail -n 1 "$log")"
    rm -f "$log"
fi

# --- munge, which signs every message
mkdir -p /etc/slurm /var/spool/slurmctld /var/spool/slurmd /var/log/slurm /run/slurm /run/munge
if ! works >/dev/null 2>&1; then
    [ -s /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none
    chown -R munge:munge /etc/munge /run/munge /var/log/munge /var/lib/munge
    chmod 0400 /etc/munge/munge.key
    chmod 0755 /run/munge
    rm -f /run/munge/munge.socket*
    setpriv --reuid=munge --regid=munge --clear-groups /usr/sbin/munged
    touch /run/slurm/munged.ours
    until_true 5 works
fi

# --- accounting
store=accounting_storage/none
if [ "$accounting" = 1 ]; then
    store=accounting_storage/slurmdbd
    if ! mariadb-admin ping >/dev/null 2>&1; then
        mkdir -p /run/mysqld
        chown mysql:mysql /run/mysqld
        setpriv --reuid=mysql --regid=mysql --init-groups setsid /usr/sbin/mariadbd \
            --skip-networking --innodb-buffer-pool-size=64M </dev/null >/var/log/slurm/mariadb.log 2>&1 &
        touch /run/slurm/mariadbd.ours
        until_true 30 mariadb-admin ping
    fi
    mariadb -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db; CREATE USER IF NOT EXISTS 'root'@'localhost'"
    cat >/etc/slurm/slurmdbd.conf <<CONF
$mark
AuthType=auth/munge
DbdHost=localhost
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
LogFile=/var/log/slurm/slurmdbd.log
PidFile=/run/slurm/slurmdbd.pid
CONF
    chmod 600 /etc/slurm/slurmdbd.conf
    slurmdbd
    until_true 10 listens 6819
fi

# --- the cluster
host=$(hostname -s)
memory=$(awk '/MemTotal/{print int($2 / 1024 * 0.95)}' /proc/meminfo)
gres=
: >/etc/slurm/gres.conf
if [ "$gpus" -gt 0 ]; then
    gres="Gres=gpu:$gpus"
    for i in $(seq 0 $((gpus - 1))); do
        [ -e "/dev/fakegpu$i" ] || mknod "/dev/fakegpu$i" c 1 3
        echo "NodeName=$host Name=gpu File=/dev/fakegpu$i" >>/etc/slurm/gres.conf
    done
fi
# No cgroups, which containers lack: memory limits are kept by looking every second. Finished jobs
# stay visible to squeue. A job is killed KillWait seconds after it was asked to end.
cat >$conf <<CONF
$mark
ClusterName=zowarmup
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurm/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=1
KillWait=10
MinJobAge=3600
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MaxJobCount=20000
AccountingStorageType=$store
AccountingStorageHost=localhost
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN $gres
PartitionName=cpu Nodes=$host Default=YES MaxTime=UNLIMITED State=UP DefMemPerCPU=512
PartitionName=gpu Nodes=$host MaxTime=UNLIMITED State=UP DefMemPerCPU=512
PartitionName=urgent Nodes=$host MaxTime=UNLIMITED State=UP DefMemPerCPU=512 PriorityTier=10
CONF
if [ "$accounting" = 1 ]; then
    until_true 10 sacctmgr -n list cluster
    sacctmgr -n list cluster format=cluster | grep -qw zowarmup || sacctmgr -i add cluster zowarmup >/dev/null
fi
slurmctld -c
slurmd
for _ in $(seq 200); do
    ready 2>/dev/null && break
    scontrol update nodename="$host" state=resume 2>/dev/null || true
    sleep 0.1
done
timeout 20 srun -n1 true || cannot "slurmctld and slurmd start but run nothing: $(tail -n 1 /var/log/slurm/slurmd.log)"
echo started
