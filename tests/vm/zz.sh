cd /tmp
R="python3 /tmp/s7-left/tests/run/runner.py --sonde /tmp/s7-left/build/src/cli/sonde --progs /tmp/s7-left/build/tests/progs --prepared /tmp/sonde-vm-prepared --jobs 1"
for i in 1 2 3 4; do (while :; do :; done) & done
export BPFTRACE_PERF_RB_PAGES=2048
for n in 1 2 3; do
$R --slow 20 -k '^(http|mysql|postgres)\.' /tmp/s7-left/tests/run/http.test /tmp/s7-left/tests/run/mysql.test /tmp/s7-left/tests/run/postgres.test
done
