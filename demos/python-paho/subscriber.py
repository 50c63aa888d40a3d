"""Prints what comes on demo/paho/#. With a number: ends after so many messages."""
import os
import sys

import paho.mqtt.client as mqtt

HOST = os.environ.get("MQTT_HOST", "127.0.0.1")
PORT = int(os.environ.get("MQTT_PORT", "1883"))
wanted = int(sys.argv[1]) if len(sys.argv) > 1 else None
seen = 0


def make_client():
    # paho-mqtt 2 wants to be told which kind of callbacks these are; 1.6 does not know the question.
    if hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    return mqtt.Client()


def on_connect(client, userdata, flags, reason_code, properties=None):
    if reason_code != 0:
        sys.exit(f"refused: {reason_code}")
    # Here rather than once at the start: so it is subscribed again after a reconnect.
    client.subscribe("demo/paho/#", qos=1)


def on_subscribe(client, userdata, mid, reason_codes, properties=None):
    print("subscribed", flush=True)


def on_message(client, userdata, message):
    global seen
    seen += 1
    print(f"{message.topic} {message.payload.decode()}", flush=True)
    if seen == wanted:
        client.disconnect()


client = make_client()
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect(HOST, PORT, keepalive=30)
client.loop_forever()
