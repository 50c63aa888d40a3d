/*
 * Loaded into a program with LD_PRELOAD: its wall clock, and only that, is off by as many milliseconds as stand in the file
 * that NIGHTJAR_CLOCK names (a little-endian int64), at any moment. Somebody who writes to that file sets the clock.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *off;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("NIGHTJAR_CLOCK");
  int fd = path ? open(path, O_RDONLY) : -1;
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof *off, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) off = map;
}

/* nanoseconds, carried */
static void shift(int64_t *seconds, int64_t *nanoseconds) {
  int64_t by = off ? *off : 0;
  *seconds += by / 1000;
  *nanoseconds += by % 1000 * 1000000;
  while (*nanoseconds < 0) *nanoseconds += 1000000000, --*seconds;
  while (*nanoseconds >= 1000000000) *nanoseconds -= 1000000000, ++*seconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, time);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t seconds = time->tv_sec, nanoseconds = time->tv_nsec;
    shift(&seconds, &nanoseconds);
    time->tv_sec = seconds;
    time->tv_nsec = nanoseconds;
  }
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}
