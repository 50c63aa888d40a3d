#!/usr/bin/env python3
"""What it costs to keep what is to be kept: Nightjar with its store on disk, with its store in memory, and mosquitto without
persistence, with the same Sessions that outlive their connections. Prints a table for each part:

    online   subscribers that are there and fast: CPU for each message, and disk / memory; PUBACK at 10,000 messages a second
    offline  1,000 Sessions that are away: accepted and acknowledged, and resumed, on one core; memory, and room on disk
    always   PUBACK with each persistence_sync, at 1, 50 and 1,000 publishers with one message in flight each
    pause    how long the broker does nothing else while segments rotate, move and go
    once     one message for 10,000 Sessions that are away: room on disk

    persistent.py --nightjar bin/nightjar --mosquitto /usr/sbin/mosquitto

The broker has core 0 with all its threads, the generator core 1. Each run has a broker, a port and a store of its own, in
turn. No limits on what is in flight or queued: bench.conf and mosquitto.conf.
--part takes one part; --quick does a little of everything, to see that it works; --folder says where the stores lie (and so
on which disk); --json writes every run. Needs gcc, taskset.
"""
import argparse, json, os, re, shutil, signal, socket, statistics, struct, subprocess, tempfile, threading, time

from compare import broker_pid, start

HERE = os.path.dirname(os.path.abspath(__file__))
PAIRS = '--mode pairs --pubs 50 --subs 50 --size 100 --persistent --gap-us 200 --warmup 0.7'
ONLINE = {
    'pairs QoS 1': f'{PAIRS} --qos 1 --e2e-window 32 --batch 8',
    'pairs QoS 2': f'{PAIRS} --qos 2 --e2e-window 32 --batch 8',
    'pairs QoS 1 v5': f'{PAIRS} --qos 1 --e2e-window 32 --batch 8 --v5',
    'one in flight QoS 1': f'{PAIRS} --qos 1 --e2e-window 1 --nobatch',
}
AT_10K = '--mode pairs --pubs 100 --subs 100 --size 100 --persistent --qos 1 --rate 10000 --spin --warmup 0.7'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Broker:
    """One run of one broker. `kind`: disk, always, no, memory or mosquitto."""

    def __init__(self, kind, a, env=''):
        self.folder = tempfile.mkdtemp(prefix='nightjar-bench-', dir=a.folder)
        self.port = free_port()
        name = 'mosquitto' if kind == 'mosquitto' else 'bench'
        lines = re.sub(r'(?m)^listener \d+', f'listener {self.port}', open(os.path.join(HERE, f'{name}.conf')).read())
        if kind not in ('memory', 'mosquitto'):
            sync = 'everysec' if kind == 'disk' else kind
            lines += f'persistence true\npersistence_location {self.folder}\npersistence_sync {sync}\n'
        config = os.path.join(self.folder, 'conf')
        open(config, 'w').write(lines)
        self.command = f"{env} {a.mosquitto if kind == 'mosquitto' else a.nightjar} -c {config}".strip()
        self.begin()

    def begin(self):
        began = time.monotonic()
        self.process = start(self.command, self.port)
        self.start_s = time.monotonic() - began
        self.pid = broker_pid(self.process, self.port)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def size(self):
        """Bytes of files in the store's folder."""
        total = 0
        for folder, _, names in os.walk(self.folder):
            for name in names:
                try:
                    total += os.path.getsize(os.path.join(folder, name))
                except OSError:
                    pass
        return total

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def load(a, broker, words, secs=None, timeout=600):
    command = ['taskset', '-c', '1', a.generator, '--port', str(broker.port), '--pid', str(broker.pid)] + words.split()
    if secs:
        command += ['--secs', str(secs)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if not out.stdout.strip():
        return {'error': out.stderr.strip() or f'exit {out.returncode}'}
    answer = json.loads(re.sub(r':-?(nan|inf)\b', ':null', out.stdout))  # what C writes for a rate of nothing
    if answer.get('errors'):
        return {'error': answer['error']}
    return answer


def figure(answer, path):
    for key in path.split('.'):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer


def median(answers, path):
    values = [v for v in (figure(r, path) for r in answers) if v is not None]
    return statistics.median(values) if values else None


def cell(value, places=0):
    return '-' if value is None else f'{value:,.{places}f}'


def ratio(one, other):
    return '-' if not one or not other else f'{one / other:.2f}'


def wrong(answers):
    """What must not be, for the cell."""
    for r in answers:
        if r.get('error'):
            return f" **{r['error'][:60]}**"
        for k in ('lost', 'dup', 'ooo', 'misrouted', 'foreign'):
            if r.get(k):
                return f' **{k} {r[k]}**'
    return ''


def run_all(a, kinds, words, secs):
    """Each in turn, as often as is asked for."""
    got = {kind: [] for kind in kinds}
    for _ in range(a.repeats):
        for kind in kinds:
            with Broker(kind, a) as broker:
                got[kind].append(load(a, broker, words, secs))
            a.runs.append({'kind': kind, 'load': words, **got[kind][-1]})
    return got


def online(a):
    kinds = ('disk', 'memory', 'mosquitto')
    print('| persistent subscribers, online | disk: us CPU, msg/s | memory | mosquitto | disk / memory | mosquitto / disk |\n|---|---|---|---|---|---|')
    for name, words in ONLINE.items():
        got = run_all(a, kinds, words, a.secs)
        costs = {kind: median(got[kind], 'run.broker_cpu_us') for kind in kinds}
        cells = [f"{cell(costs[kind], 2)}, {cell(median(got[kind], 'delivered_per_s'))}{wrong(got[kind])}" for kind in kinds]
        print(f"| {name} | {' | '.join(cells)} | {ratio(costs['disk'], costs['memory'])} | {ratio(costs['mosquitto'], costs['disk'])} |", flush=True)
    print('\n| 10,000 messages/s QoS 1 | disk | memory | mosquitto | disk / memory |\n|---|---|---|---|---|')
    got = run_all(a, kinds, AT_10K, a.secs)
    for what, path in (('PUBACK p50, us', 'ack_us.p50'), ('PUBACK p99, us', 'ack_us.p99'), ('us CPU each', 'run.broker_cpu_us')):
        values = {kind: median(got[kind], path) for kind in kinds}
        cells = [cell(values[kind], 1) + wrong(got[kind]) for kind in kinds]
        print(f"| {what} | {' | '.join(cells)} | {ratio(values['disk'], values['memory'])} |", flush=True)


class Watch(threading.Thread):
    """The most room that the store's folder took."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self.broker, self.most, self.ended = broker, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.wait(0.2):
            self.most = max(self.most, self.broker.size())


def offline(a):
    sessions, messages = (100, 20_000) if a.quick else (1000, 1_000_000)
    print(f'| {messages:,} messages for {sessions:,} sessions that are away | disk | mosquitto (memory) |\n|---|---|---|')
    figures = [('accepted and acknowledged, messages/s', 'published_per_s', 0), ('us CPU each', 'publish.broker_cpu_us', 2),
               ('resumed, messages/s', 'drained_per_s', 0), ('us CPU each, resumed', 'drain.broker_cpu_us', 2),
               ('memory peak, MB', 'rss_peak_mb', 0), ('room on disk at most, MB', 'disk_mb', 0)]
    for size in (100, 1024):
        words = f'--mode offline --subs {sessions} --own --count {messages} --size {size} --qos 1 --pubs 10 --inflight 500 --gap-us 200 --timeout 300'
        got = []
        for kind in ('disk', 'mosquitto'):
            with Broker(kind, a) as broker:
                watch = Watch(broker)
                r = load(a, broker, words, timeout=900)
                watch.ended.set()
                watch.join()
                r['rss_peak_mb'] = (figure(r, 'drain.rss_peak_kib') or 0) / 1000 * 1.024
                r['disk_mb'] = watch.most / 1e6 if kind == 'disk' else None
            got.append(r)
            a.runs.append({'kind': kind, 'load': words, **r})
        for what, path, places in figures:
            print(f"| {size} bytes: {what} | {' | '.join(cell(figure(r, path), places) + wrong([r]) for r in got)} |", flush=True)


def always(a):
    kinds = ('always', 'disk', 'memory')
    print('| PUBACK, us: p50 / p99, messages/s | always | everysec | memory |\n|---|---|---|---|')
    for publishers in (1, 50, 1000):
        words = f'--mode pairs --pubs {publishers} --subs {publishers} --size 100 --persistent --qos 1 --inflight 1 --nobatch --warmup 0.7'
        got = run_all(a, kinds, words, a.secs)
        cells = [f"{cell(median(got[kind], 'ack_us.p50'))} / {cell(median(got[kind], 'ack_us.p99'))}, {cell(median(got[kind], 'delivered_per_s'))}{wrong(got[kind])}" for kind in kinds]
        print(f"| {publishers:,} publishers, one in flight each | {' | '.join(cells)} |", flush=True)


def pause(a):
    rate, secs, sessions = (5000, 3, 100) if a.quick else (20_000, 20, 1000)
    print(f'| {rate:,} messages/s of 1 KiB for {sessions:,} sessions that are away, {secs} s | disk | memory |\n|---|---|---|')
    words = f'--mode offline --subs {sessions} --own --count {rate * secs} --size 1024 --qos 1 --pubs 10 --inflight 2000 --rate {rate} --timeout 300'
    got = []
    for kind in ('disk', 'memory'):
        gaps = os.path.join(tempfile.mkdtemp(), 'gaps')
        module = os.path.join(HERE, 'loop-gaps.mjs')
        with Broker(kind, a, f'env NIGHTJAR_GAPS={gaps} NODE_OPTIONS=--import={module}') as broker:
            result = {}
            generator = threading.Thread(target=lambda: result.update(load(a, broker, words)))
            generator.start()
            time.sleep(1)  # its sessions are there, and it publishes
            os.kill(broker.pid, signal.SIGUSR2)
            probe = ['taskset', '-c', '1', a.probe, '--port', str(broker.port), '--secs', str(secs - 1)]
            out = subprocess.run(probe, capture_output=True, text=True, timeout=secs + 60)
            result['probe'] = json.loads(out.stdout) if out.stdout.strip() else {'error': out.stderr}
            generator.join()
            broker.stop()
        result['inside'] = json.load(open(gaps)) if os.path.exists(gaps) else {}
        got.append(result)
        a.runs.append({'kind': kind, 'load': words, **result})
    rows = [('answer to a ping, p50, ms', 'probe.p50_us', 1000), ('p99, ms', 'probe.p99_us', 1000), ('p99.9, ms', 'probe.p999_us', 1000), ('longest, ms', 'probe.max_us', 1000),
            ('(the probe itself was late, at most, ms)', 'probe.own_late_us', 1000), ('PUBACK p99.9, ms', 'ack_us.p999', 1000),
            ('from inside, with the resuming after it: p99.9, ms', 'inside.p999', 1), ('longest, ms', 'inside.max', 1)]
    for what, path, unit in rows:
        values = [figure(r, path) for r in got]
        print(f"| {what} | {' | '.join(cell(None if v is None else v / unit, 2) + wrong([r]) for v, r in zip(values, got))} |")


# ---- one message for many: a few packets of MQTT 3.1.1 ----

def text(value):
    return struct.pack('>H', len(value)) + value.encode()


def packet(first, body):
    head, left = bytes([first]), len(body)
    while True:
        head += bytes([left & 127 | (128 if left > 127 else 0)])
        left >>= 7
        if not left:
            return head + body


def connected(port, client_id, clean):
    s = socket.create_connection(('127.0.0.1', port), 10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(packet(0x10, text('MQTT') + bytes([4, 2 if clean else 0, 0, 0]) + text(client_id)))
    expect(s, 0x20, 4)
    return s


def expect(s, first, length):
    got = b''
    while len(got) < length:
        more = s.recv(length - len(got))
        if not more:
            break
        got += more
    if got[:1] != bytes([first]):
        raise SystemExit(f'persistent: {first:#x} was expected, {got.hex()} came')


def once(a):
    sessions = 200 if a.quick else 10_000
    print(f'| one message for {sessions:,} sessions that are away | bytes on disk more | of it for each session, without the message |\n|---|---|---|')
    with Broker('disk', a) as broker:
        for i in range(sessions):
            s = connected(broker.port, f'away{i}', False)
            s.sendall(packet(0x82, b'\0\1' + text('once') + b'\1'))
            expect(s, 0x90, 5)
            s.sendall(packet(0xe0, b''))
            s.close()
        publisher = connected(broker.port, 'publisher', True)
        for size in (1000, 100_000, 1_000_000):
            before = broker.size()
            publisher.sendall(packet(0x32, text('once') + b'\0\1' + b'x' * size))
            expect(publisher, 0x40, 4)
            grown = broker.size() - before
            a.runs.append({'kind': 'disk', 'load': 'once', 'size': size, 'grown': grown})
            print(f'| {size:,} bytes | {grown:,} | {(grown - size) / sessions:.1f} |', flush=True)
        publisher.close()
        broker.stop()
        stopped = broker.size()
        broker.begin()
        time.sleep(2)  # the log moves into the tree
        print(f'\nAfter a stop the store has {stopped:,} bytes, two seconds after the next start {broker.size():,}.')


PARTS = {'online': online, 'offline': offline, 'always': always, 'pause': pause, 'once': once}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--nightjar', required=True)
    ap.add_argument('--mosquitto', required=True)
    ap.add_argument('--part', choices=PARTS)
    ap.add_argument('--secs', type=float, default=5)
    ap.add_argument('--repeats', type=int, default=3)
    ap.add_argument('--quick', action='store_true')
    ap.add_argument('--folder', default=tempfile.gettempdir())
    ap.add_argument('--json')
    a = ap.parse_args()
    if a.quick:
        a.secs, a.repeats = 1, 1
    programs = tempfile.mkdtemp()
    for name, source in (('generator', 'deep/mqttload.c'), ('probe', 'probe.c')):
        setattr(a, name, os.path.join(programs, name))
        subprocess.run(['gcc', '-O2', '-o', getattr(a, name), os.path.join(HERE, source)], check=True)
    a.runs = []
    for name, part in PARTS.items():
        if a.part in (None, name):
            part(a)
            print(flush=True)
    shutil.rmtree(programs)
    if a.json:
        json.dump(a.runs, open(a.json, 'w'), indent=1)


if __name__ == '__main__':
    main()
