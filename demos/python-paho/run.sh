#!/bin/sh
# Runs the subscriber, and when it has subscribed the publisher. Where the broker is: MQTT_HOST, MQTT_PORT.
set -eu
cd "$(dirname "$0")"

python=${PYTHON:-python3}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

"$python" subscriber.py 5 >"$output" &
subscriber=$!
until grep -q subscribed "$output"; do
  kill -0 "$subscriber" # or it has ended, and so does this
  sleep 0.1
done
"$python" publisher.py 5
wait "$subscriber"
cat "$output"
