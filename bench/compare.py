#!/usr/bin/env python3
"""Runs the same loads against two brokers in turn, A B A B ..., and prints what each costs and the ratio B / A.

    compare.py --a 'bin/nightjar -c bench/bench.conf' --a-port 18811 --b '/usr/sbin/mosquitto -c bench/mosquitto.conf' --b-port 18812

Each broker is started anew for each load, pinned to core 0, with the generator on core 1. Ratios are of broker CPU per
delivered message (B's over A's: 2.0 means A needs half), which stays steady where msg/s does not. Needs gcc, taskset.
--only takes a part of a load's name; --repeats takes the median of N; --json writes every run.
"""
import argparse, json, os, shlex, signal, socket, statistics, subprocess, sys, tempfile, time

LOADS = {
    'pairs qos0': '--mode pairs --qos 0',
    'pairs qos1': '--mode pairs --qos 1',
    'pairs qos2': '--mode pairs --qos 2',
    'pairs qos0 v5': '--mode pairs --qos 0 --v5',
    'pairs qos1 v5': '--mode pairs --qos 1 --v5',
    'single qos0': '--mode pairs --qos 0 --window 1 --batch 1',
    'single qos1': '--mode pairs --qos 1 --window 1 --batch 1',
    'fan-in qos0': '--mode fanin --pubs 50 --subs 1 --qos 0',
    'fan-in qos1': '--mode fanin --pubs 50 --subs 5 --qos 1 --window 8',
    'fan-out 100': '--mode fanout --pubs 1 --subs 100 --qos 0 --window 4 --batch 1',
    'fan-out 1000': '--mode fanout --pubs 1 --subs 1000 --qos 0 --window 4 --batch 1',
    '1 KiB qos0': '--mode pairs --qos 0 --size 1024',
    '16 KiB qos0': '--mode pairs --qos 0 --size 16384 --window 8 --batch 2',
    '10k/s qos0': '--mode pairs --pubs 100 --subs 100 --qos 0 --rate 10000',
    '10k/s qos1': '--mode pairs --pubs 100 --subs 100 --qos 1 --rate 10000',
    'connect 5000': '--mode conn --pubs 5000',
}


def start(command, port):
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        sys.exit(f'compare: something listens on {port} already')
    except OSError:
        pass
    p = subprocess.Popen(['taskset', '-c', '0'] + shlex.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(300):
        try:
            socket.create_connection(('127.0.0.1', port), 1).close()
            return p
        except OSError:
            if p.poll() is not None:
                sys.exit(f'compare: {command!r} exited with {p.returncode}')
            time.sleep(0.05)
    sys.exit(f'compare: {command!r} does not listen on {port}')


def broker_pid(p, port):
    """The process that listens: the command may be a wrapper around it."""
    inodes = set()
    for table in ('/proc/net/tcp', '/proc/net/tcp6'):
        for line in open(table).readlines()[1:]:
            f = line.split()
            if f[3] == '0A' and int(f[1].split(':')[1], 16) == port:
                inodes.add('socket:[%s]' % f[9])
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            for fd in os.listdir(f'/proc/{pid}/fd'):
                if os.readlink(f'/proc/{pid}/fd/{fd}') in inodes:
                    return int(pid)
        except OSError:
            pass
    return p.pid


def run(load, command, port, secs, generator):
    p = start(command, port)
    try:
        out = subprocess.run(['taskset', '-c', '1', generator, '--port', str(port), '--secs', str(secs), '--pid', str(broker_pid(p, port))] + load.split(), capture_output=True, text=True, timeout=secs + 90)
        return json.loads(out.stdout) if out.stdout.strip() else {'error': out.stderr.strip()}
    except subprocess.TimeoutExpired:
        return {'error': 'timed out'}
    finally:
        os.killpg(p.pid, signal.SIGTERM)
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for x in 'ab':
        ap.add_argument(f'--{x}', required=True)
        ap.add_argument(f'--{x}-port', type=int, required=True)
        ap.add_argument(f'--{x}-name')
    ap.add_argument('--secs', type=float, default=3)
    ap.add_argument('--repeats', type=int, default=3)
    ap.add_argument('--only', default='')
    ap.add_argument('--json')
    a = ap.parse_args()
    generator = os.path.join(tempfile.mkdtemp(), 'mqttload')
    subprocess.run(['gcc', '-O2', '-o', generator, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'mqttload.c')], check=True)
    names = (a.a_name or shlex.split(a.a)[0].split('/')[-1], a.b_name or shlex.split(a.b)[0].split('/')[-1])
    print(f'| load | {names[0]}: us/msg, msg/s, p50, p99 us | {names[1]} | CPU ratio {names[1]} / {names[0]} |\n|---|---|---|---|')
    runs, worst = [], None
    for name, load in LOADS.items():
        if a.only not in name:
            continue
        got = ([], [])
        for _ in range(a.repeats):
            for i, (c, p) in enumerate(((a.a, a.a_port), (a.b, a.b_port))):
                r = run(load, c, p, a.secs, generator)
                runs.append({'load': name, 'broker': names[i], **r})
                got[i].append(r)
        cells, costs = [], []
        for g in got:
            bad = [r['error'] for r in g if 'error' in r] + [f"{k} {r[k]}" for r in g for k in ('lost', 'duplicated', 'disordered') if r.get(k)]
            if any('error' in r for r in g):
                cells.append(bad[0][:60])
                costs.append(None)
                continue
            m = lambda k: statistics.median(r[k] for r in g)
            if 'kib_each' in g[0]:
                cells.append(f"{m('cpu_us_each'):.0f} us each, {m('per_s'):.0f}/s, {m('kib_each'):.1f} KiB each")
                costs.append(m('cpu_us_each'))
            else:
                cells.append(f"{m('cpu_us_per_msg'):.2f}, {m('msgs_per_s'):.0f}, {m('p50_us'):.0f}, {m('p99_us'):.0f}" + (f' **{bad[0]}**' if bad else ''))
                costs.append(m('cpu_us_per_msg'))
        ratio = costs[1] / costs[0] if costs[0] and costs[1] else None
        worst = min(x for x in (worst, ratio) if x is not None) if ratio or worst else None
        print(f"| {name} | {cells[0]} | {cells[1]} | {'-' if ratio is None else format(ratio, '.2f')} |", flush=True)
    if a.json:
        json.dump(runs, open(a.json, 'w'), indent=1)
    print(f"\nlowest ratio: {'-' if worst is None else format(worst, '.2f')}")


if __name__ == '__main__':
    main()
