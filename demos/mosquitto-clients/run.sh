#!/bin/sh
# A walk with mosquitto's clients. Where the broker is: MQTT_HOST, MQTT_PORT.
set -eu

host=${MQTT_HOST:-127.0.0.1}
port=${MQTT_PORT:-1883}

title() {
  printf '\n== %s\n' "$1"
}

# Shows the command as one would type it, and runs it.
pub() {
  printf '$ mosquitto_pub %s\n' "$*"
  mosquitto_pub -h "$host" -p "$port" "$@"
}

sub() {
  printf '$ mosquitto_sub %s\n' "$*"
  mosquitto_sub -h "$host" -p "$port" "$@"
}

title 'A message is heard by who listens'
printf '$ mosquitto_sub -t demo/greeting -C 1 -v &\n'
mosquitto_sub -h "$host" -p "$port" -t demo/greeting -C 1 -v &
listener=$!
printf '$ mosquitto_pub -t demo/greeting -m hello\n'
# The listener needs a moment to subscribe: it is greeted until it has heard.
while kill -0 "$listener" 2>/dev/null; do
  mosquitto_pub -h "$host" -p "$port" -t demo/greeting -m hello
  sleep 0.1
done
wait "$listener"

title 'A retained message waits for those who come later'
pub -t demo/home/kitchen/temp -m 21 -r -q 1
pub -t demo/home/garden/temp -m 9 -r -q 1
pub -t demo/home/garden/light/level -m 80 -r -q 1
sub -t demo/home/kitchen/temp -C 1

title 'Wildcards: + is one level, # is the rest, and in Nightjar * is one level as well'
sub -t 'demo/home/+/temp' -C 2 -v
sub -t 'demo/home/garden/#' -C 2 -v
sub -t 'demo/home/*/*/level' -C 1 -v -W 2 || printf '(this broker takes * as it stands)\n'

title 'An empty retained message clears it'
for topic in demo/home/kitchen/temp demo/home/garden/temp demo/home/garden/light/level; do
  pub -t "$topic" -n -r -q 1
done
sub -t 'demo/home/#' -C 1 -W 1 || printf '(nothing there: exit code %s)\n' "$?"

title 'A session keeps messages of QoS 1 and 2 while its client is away'
sub -i demo-reader -c -q 1 -t demo/news -E
pub -t demo/news -m 'first news' -q 1
pub -t demo/news -m 'second news' -q 1
sub -i demo-reader -c -q 1 -t demo/news -C 2
# A clean session in its place forgets all of it.
sub -i demo-reader -t demo/news -E

title 'What the broker says of itself'
sub -t '$SYS/broker/version' -C 1 -v
