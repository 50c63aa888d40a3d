"""Publishes readings to demo/paho/temperature, and waits until the broker has each: publisher.py [how many]"""
import os
import sys

import paho.mqtt.client as mqtt

HOST = os.environ.get("MQTT_HOST", "127.0.0.1")
PORT = int(os.environ.get("MQTT_PORT", "1883"))
count = int(sys.argv[1]) if len(sys.argv) > 1 else 5


def make_client():
    # paho-mqtt 2 wants to be told which kind of callbacks these are; 1.6 does not know the question.
    if hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    return mqtt.Client()


client = make_client()
client.connect(HOST, PORT, keepalive=30)
client.loop_start()
for number in range(1, count + 1):
    reading = client.publish("demo/paho/temperature", f"{20 + number / 10:.1f}", qos=1)
    reading.wait_for_publish()
    print(f"the broker has reading {number}", flush=True)
client.disconnect()
client.loop_stop()
