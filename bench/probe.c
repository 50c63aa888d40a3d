/* probe: what one quiet client notices of a broker under load. Sends a PINGREQ every millisecond, on a connection of its
 * own, and prints how long the answers took, each from the moment at which the ping was due: a pause is not hidden.
 *
 *   probe --port 18811 --secs 10 [--every-us 1000]       Build: gcc -O2 -o probe probe.c
 *
 * Runs before others on its core where it may (SCHED_FIFO), so that a load generator beside it does not count. Result: one
 * JSON line: pings, p50_us, p99_us, p999_us, max_us, and what the probe itself was late at most (own_late_us).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t ns(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void fail(const char *what) { fprintf(stderr, "probe: %s: %s\n", what, strerror(errno)); exit(2); }
static int compare(const void *a, const void *b) { uint64_t x = *(uint64_t *)a, y = *(uint64_t *)b; return x < y ? -1 : x > y; }

int main(int argc, char **argv) {
  int port = 1883, k;
  double secs = 10, every = 1000;
  static struct option names[] = {{"port", 1, 0, 'p'}, {"secs", 1, 0, 's'}, {"every-us", 1, 0, 'e'}, {0}};
  while ((k = getopt_long(argc, argv, "", names, NULL)) != -1) {
    if (k == 'p') port = atoi(optarg);
    else if (k == 's') secs = atof(optarg);
    else if (k == 'e') every = atof(optarg);
    else return 4;
  }
  struct sched_param first = {.sched_priority = 1};
  int preferred = !sched_setscheduler(0, SCHED_FIFO, &first);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001)};
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  if (fd < 0 || connect(fd, (void *)&to, sizeof to)) fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  static const uint8_t hello[] = {0x10, 17, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 5, 'p', 'r', 'o', 'b', 'e'}, ping[] = {0xc0, 0};
  uint8_t in[4096];
  if (write(fd, hello, sizeof hello) != sizeof hello || read(fd, in, 4) != 4 || in[3]) fail("CONNECT");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  uint64_t gap = every * 1000, count = secs * 1e9 / gap, start = ns(), sent = 0, answered = 0, bytes = 0, late = 0;
  uint64_t *took = calloc(count + 1, sizeof *took);
  while (answered < count) {
    uint64_t t = ns();
    if (t > start + count * gap + 30000000000ull) fail("no answer for 30 s");
    for (; sent < count && start + sent * gap <= t; sent++) {
      if (t - start - sent * gap > late) late = t - start - sent * gap;
      if (write(fd, ping, 2) != 2) fail("write");
    }
    struct pollfd p = {fd, POLLIN, 0};
    uint64_t due = start + sent * gap, left = sent < count && due > t ? due - t : 5000000;
    struct timespec wait = {0, left > 5000000 ? 5000000 : left};
    if (ppoll(&p, 1, &wait, NULL) < 1) continue;
    ssize_t n = read(fd, in, sizeof in);
    if (n <= 0) fail("read");
    t = ns();
    for (bytes += n; answered < bytes / 2; answered++) took[answered] = t - start - answered * gap;
  }
  qsort(took, count, sizeof *took, compare);
  printf("{\"pings\":%llu,\"preferred\":%d,\"p50_us\":%.0f,\"p99_us\":%.0f,\"p999_us\":%.0f,\"max_us\":%.0f,\"own_late_us\":%.0f}\n", (unsigned long long)count,
         preferred, took[count / 2] / 1e3, took[count * 99 / 100] / 1e3, took[count * 999 / 1000] / 1e3, took[count - 1] / 1e3, late / 1e3);
  return 0;
}
