"""A client of Python's paho-mqtt that a test drives: a JSON line in is an order, a JSON line out is what happened."""
import json
import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

lock = threading.Lock()
client = None
unacknowledged = 0
acknowledged = threading.Condition()


def tell(event, **details):
    with lock:
        print(json.dumps({"event": event, **details}), flush=True)


def properties(kind, given):
    """Paho's properties from a dictionary with the standard's names."""
    if not given:
        return None
    made = Properties(kind)
    for name, value in given.items():
        if name == "CorrelationData":
            value = value.encode()
        elif name == "UserProperty":
            value = [tuple(pair) for pair in value]
        setattr(made, name, value)
    return made


def told(made):
    """A dictionary that JSON can hold."""
    if made is None:
        return {}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in vars(made).items()
            if name not in ("packetType", "types", "names", "properties")}


def on_connect(_client, _data, flags, code, made=None):
    tell("connect", code=getattr(code, "value", code), present=bool(flags["session present"]), properties=told(made))


def on_disconnect(_client, _data, code, made=None):
    tell("disconnect", code=getattr(code, "value", code), properties=told(made))


def on_subscribe(_client, _data, _mid, granted, made=None):
    tell("subscribe", granted=[getattr(code, "value", code) for code in granted])


def on_unsubscribe(*_):
    tell("unsubscribe")


def on_message(_client, _data, message):
    tell("message", topic=message.topic, payload=message.payload.decode(), qos=message.qos, retain=bool(message.retain),
         dup=bool(message.dup), properties=told(getattr(message, "properties", None)))


def on_publish(*_):
    global unacknowledged
    with acknowledged:
        unacknowledged -= 1
        acknowledged.notify()


def connect(order):
    global client
    version = order.get("version", 4)
    session = {} if version == 5 else {"clean_session": order.get("clean", True)}
    client = mqtt.Client(client_id=order.get("id", ""), protocol=version, **session)
    client.on_connect, client.on_disconnect, client.on_message = on_connect, on_disconnect, on_message
    client.on_subscribe, client.on_unsubscribe, client.on_publish = on_subscribe, on_unsubscribe, on_publish
    client.max_queued_messages_set(0)
    if "window" in order:
        client.max_inflight_messages_set(order["window"])
    if "user" in order:
        client.username_pw_set(order["user"], order.get("password"))
    if "will" in order:
        will = order["will"]
        client.will_set(will["topic"], will["payload"], will.get("qos", 0), will.get("retain", False),
                        properties(PacketTypes.WILLMESSAGE, will.get("properties")))
    more = {}
    if version == 5:
        more = {"clean_start": order.get("clean", True),
                "properties": properties(PacketTypes.CONNECT, order.get("properties"))}
    client.connect("127.0.0.1", order["port"], order.get("keepAlive", 60), **more)
    client.loop_start()


def publish(order):
    global unacknowledged
    count = order.get("count")
    payloads = [order.get("payload", "")] if count is None else [str(i) for i in range(count)]
    with acknowledged:
        unacknowledged += len(payloads)
    for payload in payloads:
        client.publish(order["topic"], payload, order.get("qos", 0), order.get("retain", False),
                       properties=properties(PacketTypes.PUBLISH, order.get("properties")))
    with acknowledged:
        acknowledged.wait_for(lambda: unacknowledged == 0)
    tell("published")


def subscribe(order):
    if "options" in order:
        options = mqtt.SubscribeOptions(**order["options"])
        client.subscribe(order["filters"][0][0], options=options,
                         properties=properties(PacketTypes.SUBSCRIBE, order.get("properties")))
    else:
        client.subscribe([tuple(each) for each in order["filters"]])


def unsubscribe(order):
    client.unsubscribe(order["filters"])


def disconnect(_order):
    client.disconnect()


def drop(_order):
    """The connection breaks; the loop then connects anew."""
    client.socket().shutdown(2)


ORDERS = {"connect": connect, "publish": publish, "subscribe": subscribe, "unsubscribe": unsubscribe,
          "disconnect": disconnect, "drop": drop}

for line in sys.stdin:
    given = json.loads(line)
    ORDERS[given["do"]](given)
