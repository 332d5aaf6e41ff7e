#!/usr/bin/env bash
# Stops what up.sh has started. The configuration goes too: with it and no controller every call
# of Snakemake's SLURM plugin, and so of Snakemake, would stall for ten seconds.
grep -qxF '# of zowarmup/tests/workflow/slurm/up.sh' /etc/slurm/slurm.conf 2>/dev/null || exit 0
[ "$(id -u)" = 0 ] || exit 1

stop() { # stop PID-FILE: and wait until it is gone
    [ -s "$1" ] || return
    local pid
    pid=$(cat "$1")
    kill "$pid" 2>/dev/null
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || return
        sleep 0.1
    done
    kill -9 "$pid"
}

timeout 5 scancel --full --state=RUNNING,PENDING,SUSPENDED --user=root 2>/dev/null
for _ in $(seq 50); do
    [ -n "$(timeout 5 squeue -h --states=RUNNING,COMPLETING,PENDING 2>/dev/null)" ] || break
    sleep 0.2
done
for daemon in slurmd slurmctld slurmdbd; do
    stop /run/slurm/$daemon.pid
done
if [ -e /run/slurm/mariadbd.ours ]; then
    mariadb-admin shutdown && rm -f /run/slurm/mariadbd.ours
fi
if [ -e /run/slurm/munged.ours ]; then
    stop /run/munge/munged.pid
    rm -f /run/slurm/munged.ours
fi
rm -f /etc/slurm/slurm.conf /etc/slurm/slurmdbd.conf /etc/slurm/gres.conf
