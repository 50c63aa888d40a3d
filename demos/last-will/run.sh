#!/bin/sh
# A client with a retained will is killed. Where the broker is: MQTT_HOST, MQTT_PORT.
set -eu
cd "$(dirname "$0")"

host=${MQTT_HOST:-127.0.0.1}
port=${MQTT_PORT:-1883}
nightjar=../../bin/nightjar
topic=demo/sensor/status
log=$(mktemp)
trap 'rm -f "$log"' EXIT

status() {
  "$nightjar" sub -h "$host" -p "$port" -t "$topic" -C 1 -W 5
}

echo "The sensor is there:"
"$nightjar" pub -h "$host" -p "$port" -t "$topic" -m online -r -q 1
"$nightjar" sub -h "$host" -p "$port" -i demo-sensor -t demo/sensor/orders -k 10 -d \
  --will-topic "$topic" --will-payload offline --will-retain --will-qos 1 2>"$log" &
sensor=$!
until grep -q connected "$log"; do
  kill -0 "$sensor" # or it has ended, and so does this
  sleep 0.1
done
echo "$topic $(status)"

echo "It is killed:"
kill -9 "$sensor"
until [ "$(status)" = offline ]; do sleep 0.1; done
echo "$topic $(status)"

"$nightjar" pub -h "$host" -p "$port" -t "$topic" -n -r -q 1
