#!/usr/bin/env python3
"""Runs the loads of deep/mqttload against two brokers in turn and prints what each costs: retained messages in and out,
many wildcard subscriptions, a shared group, a slow subscriber among many, idle connections.

    deep.py --a 'bin/nightjar -c bench/bench.conf' --a-port 18811 --b '/usr/sbin/mosquitto -c bench/mosquitto.conf' --b-port 18812

Each broker is started anew for each load, pinned to core 0, with the generator on core 1. Needs gcc, taskset.
--only takes a part of a load's name; --secs is how long the loads last that have no count; --json writes every run.
"""
import argparse, json, os, re, resource, shlex, signal, subprocess, tempfile

from compare import broker_pid, start

# Load: the generator's arguments, and the figures that tell: what it is, where it stands in the answer, places.
LOADS = {
    'retained 100k': ('--mode retained --count 100000 --pubs 10 --qos 1 --sub-qos 0', [
        ('in, us CPU each', 'publish.broker_cpu_us', 2),
        ('out, us CPU each', 'replay.broker_cpu_us', 2),
        ('out, messages/s', 'replayed_per_s', 0),
        ('memory, bytes each', 'rss_bytes_per_retained', 0),
    ]),
    'wildcards 300k': ('--mode wild --topics 300000 --subs 100 --pubs 10 --e2e-window 8 --gap-us 200 --timeout 120', [
        ('subscribe, us CPU each', 'setup.broker_cpu_us', 2),
        ('memory grown, KiB', 'setup.rss_grew_kib', 0),
        ('publish, us CPU each', 'run.broker_cpu_us', 2),
        ('publish, p99 us', 'lat_us.p99', 0),
    ]),
    'shared group': ('--mode fanin --pubs 50 --subs 10 --share g --qos 1 --e2e-window 8 --gap-us 200', [
        ('us CPU each', 'run.broker_cpu_us', 2),
        ('messages/s', 'delivered_per_s', 0),
        ('p99 us', 'lat_us.p99', 0),
    ]),
    'slow one of 100': ('--mode fanout --pubs 1 --subs 100 --slow 1 --rate 1000 --size 1024', [
        ('us CPU each', 'run.broker_cpu_us', 2),
        ('p50 us of the others', 'lat_us.p50', 0),
        ('p99 us of the others', 'lat_us.p99', 0),
        ('memory peak, KiB', 'run.rss_peak_kib', 0),
    ]),
    'idle 10k': ('--mode conn --conns 10000 --par 100 --hold 5', [
        ('KiB each', 'rss_kib_per_conn', 2),
        ('connect, us CPU each', 'open.broker_cpu_us', 0),
        ('idle, % of a core', 'hold.broker_cpu_pct', 0),
    ]),
}
FAULTS = ('lost', 'dup', 'ooo', 'misrouted', 'foreign')


def run(load, command, port, secs, generator):
    p = start(command, port)
    try:
        command = ['taskset', '-c', '1', generator, '--port', str(port), '--pid', str(broker_pid(p, port)), '--secs', str(secs)]
        out = subprocess.run(command + load.split(), capture_output=True, text=True, timeout=secs + 240)
        if not out.stdout.strip():
            return {'error': out.stderr.strip() or f'exit {out.returncode}'}
        return json.loads(re.sub(r':-?(nan|inf)\b', ':null', out.stdout))  # what C writes for a rate of nothing
    except subprocess.TimeoutExpired:
        return {'error': 'timed out'}
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()


def figure(answer, path):
    for key in path.split('.'):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for x in 'ab':
        ap.add_argument(f'--{x}', required=True)
        ap.add_argument(f'--{x}-port', type=int, required=True)
        ap.add_argument(f'--{x}-name')
    ap.add_argument('--secs', type=float, default=5)
    ap.add_argument('--only', default='')
    ap.add_argument('--json')
    a = ap.parse_args()
    # Both ends of 10,000 connections, in the generator and in the broker.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    generator = os.path.join(tempfile.mkdtemp(), 'mqttload')
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'deep', 'mqttload.c')
    subprocess.run(['gcc', '-O2', '-o', generator, source], check=True)
    names = (a.a_name or shlex.split(a.a)[0].split('/')[-1], a.b_name or shlex.split(a.b)[0].split('/')[-1])
    print(f'| load | figure | {names[0]} | {names[1]} | {names[1]} / {names[0]} |\n|---|---|---|---|---|')
    runs = []
    for name, (load, figures) in LOADS.items():
        if a.only not in name:
            continue
        got = [run(load, c, p, a.secs, generator) for c, p in ((a.a, a.a_port), (a.b, a.b_port))]
        runs += [{'load': name, 'broker': broker, **r} for broker, r in zip(names, got)]
        for what, path, places in figures:
            values = [figure(r, path) for r in got]
            cells = ['-' if v is None else f'{v:.{places}f}' for v in values]
            ratio = f'{values[1] / values[0]:.2f}' if all(values) else '-'
            print(f'| {name} | {what} | {cells[0]} | {cells[1]} | {ratio} |', flush=True)
        for broker, r in zip(names, got):
            faults = [f'{k} {r[k]}' for k in FAULTS if r.get(k)] + ([str(r['error'])[:80]] if r.get('error') else [])
            if faults:
                print(f'| {name} | **{broker}: {", ".join(faults)}** | | | |', flush=True)
    if a.json:
        json.dump(runs, open(a.json, 'w'), indent=1)


if __name__ == '__main__':
    main()
