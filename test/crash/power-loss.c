/*
 * Loaded into the broker with LD_PRELOAD: writes down, in order, all that it does to the files below one folder, so that
 * power-cut.ts can say what a power cut would have left of them. And it can be a full disk.
 *
 *   NIGHTJAR_WATCHED  the folder, as the program names it
 *   NIGHTJAR_JOURNAL  where to write it down; appended to with plain writes, which outlive kill -9
 *   NIGHTJAR_SYNC_MS  how long a sync takes at least, as on a real disk
 *   NIGHTJAR_FULL     while this file exists, nothing more can be written below the folder
 *
 * Each entry: struct head, then `length` bytes. A call is noted after it was made and before the program goes on; of a sync
 * both its beginning and its end are noted, as only what was written before the beginning is safe at the end.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* fortified variants of the functions below would clash with their definitions here */
#undef open
#undef openat

enum { OPEN = 1, CLOSE, WRITE, TRUNCATE, SYNC_BEGINS, SYNC_ENDS, RENAME, REMOVE, MAKE_FOLDER, ODD };
enum { WATCHED = 1, WRITES_SYNC = 2, FILES = 65536 };

struct head {
  uint32_t kind;
  int32_t fd;
  uint64_t time; /* CLOCK_MONOTONIC, ns */
  uint64_t a, b;
  uint64_t length;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint8_t flags_of[FILES];
static const char *folder, *full;
static size_t folder_length;
static int journal = -1;
static uint64_t syncs;
static struct timespec sync_takes;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("NIGHTJAR_JOURNAL"), *watched = getenv("NIGHTJAR_WATCHED");
  full = getenv("NIGHTJAR_FULL");
  const char *takes = getenv("NIGHTJAR_SYNC_MS");
  if (!watched) return;
  if (takes) sync_takes = (struct timespec){atoi(takes) / 1000, atoi(takes) % 1000 * 1000000l};
  folder_length = strlen(watched);
  if (path) {
    journal = REAL(open64)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal < 0) abort();
  }
  folder = watched;
}

static int below(const char *path) {
  return folder && !strncmp(path, folder, folder_length) && (path[folder_length] == '/' || !path[folder_length]);
}
static int watched(int fd) { return folder && fd >= 0 && fd < FILES && flags_of[fd]; }
static void lock(void) { pthread_mutex_lock(&mutex); }
static void unlock(void) { pthread_mutex_unlock(&mutex); }

/* With the mutex held. Pieces: what was written, of which `length` bytes went out. */
static void note_pieces(int kind, int fd, uint64_t a, uint64_t b, const struct iovec *pieces, int count, size_t length) {
  if (journal < 0) return;
  int before = errno;
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  struct head head = {kind, fd, t.tv_sec * 1000000000ull + t.tv_nsec, a, b, length};
  struct iovec out[IOV_MAX];
  size_t all = sizeof head + length;
  int n = 1;
  out[0] = (struct iovec){&head, sizeof head};
  for (int i = 0; i < count && length > 0; i++) {
    size_t part = pieces[i].iov_len < length ? pieces[i].iov_len : length;
    if (n == IOV_MAX) abort();
    out[n++] = (struct iovec){pieces[i].iov_base, part};
    length -= part;
  }
  if (REAL(writev)(journal, out, n) != (ssize_t)all) abort();
  errno = before;
}
static void note(int kind, int fd, uint64_t a, uint64_t b, const void *bytes, size_t length) {
  struct iovec piece = {(void *)bytes, length};
  note_pieces(kind, fd, a, b, &piece, 1, length);
}
static int no_room(void) {
  if (!full || access(full, F_OK)) return 0;
  errno = ENOSPC;
  return 1;
}

/* What is not followed must be told of: the test then says so. */
static void note_odd(const char *what, int fd) {
  lock();
  note(ODD, fd, 0, 0, what, strlen(what));
  unlock();
}

/* ---- names ---- */

static int opened(int fd, const char *path, int flags) {
  if (fd >= 0 && fd < FILES) {
    flags_of[fd] = WATCHED | (flags & (O_DSYNC | O_SYNC) ? WRITES_SYNC : 0);
    note(OPEN, fd, (flags & O_CREAT ? 1 : 0) | (flags & O_TRUNC ? 2 : 0), 0, path, strlen(path));
  }
  return fd;
}
#define OPENING(call)                 \
  if (!below(path)) return call;      \
  if (flags & O_CREAT && no_room() && access(path, F_OK)) return errno = ENOSPC, -1; \
  lock();                             \
  int fd = opened(call, path, flags); \
  unlock();                           \
  return fd
#define MODE                                      \
  int mode = 0;                                   \
  if (flags & (O_CREAT | __O_TMPFILE)) {          \
    va_list more;                                 \
    va_start(more, flags);                        \
    mode = va_arg(more, int);                     \
    va_end(more);                                 \
  }
int open(const char *path, int flags, ...) { MODE OPENING(REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { MODE OPENING(REAL(open64)(path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) { MODE OPENING(REAL(openat)(at, path, flags, mode)); }
int openat64(int at, const char *path, int flags, ...) { MODE OPENING(REAL(openat64)(at, path, flags, mode)); }
int __open_2(const char *path, int flags) { return open(path, flags); }
int __open64_2(const char *path, int flags) { return open64(path, flags); }
int __openat_2(int at, const char *path, int flags) { return openat(at, path, flags); }
int __openat64_2(int at, const char *path, int flags) { return openat64(at, path, flags); }
int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open64(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd) {
  if (!watched(fd)) return REAL(close)(fd);
  lock();
  flags_of[fd] = 0;
  note(CLOSE, fd, 0, 0, NULL, 0);
  int result = REAL(close)(fd);
  unlock();
  return result;
}

/* libuv closes files past the function above, and copies them so too */
long syscall(long number, ...) {
  long x[6];
  va_list more;
  va_start(more, number);
  for (int i = 0; i < 6; i++) x[i] = va_arg(more, long);
  va_end(more);
  if (number == SYS_close) return close(x[0]);
  if (number == SYS_copy_file_range && watched(x[2])) note_odd("copy_file_range", x[2]);
  return REAL(syscall)(number, x[0], x[1], x[2], x[3], x[4], x[5]);
}

static int named(int kind, int result, const char *path) {
  if (!result) note(kind, -1, 0, 0, path, strlen(path));
  unlock();
  return result;
}
int unlink(const char *path) {
  if (!below(path)) return REAL(unlink)(path);
  lock();
  return named(REMOVE, REAL(unlink)(path), path);
}
int unlinkat(int at, const char *path, int flags) {
  if (!below(path)) return REAL(unlinkat)(at, path, flags);
  lock();
  return named(REMOVE, REAL(unlinkat)(at, path, flags), path);
}
int rmdir(const char *path) {
  if (!below(path)) return REAL(rmdir)(path);
  lock();
  return named(REMOVE, REAL(rmdir)(path), path);
}
int mkdir(const char *path, mode_t mode) {
  if (!below(path)) return REAL(mkdir)(path, mode);
  lock();
  return named(MAKE_FOLDER, REAL(mkdir)(path, mode), path);
}
int rename(const char *from, const char *to) {
  if (!below(from) && !below(to)) return REAL(rename)(from, to);
  char both[2 * PATH_MAX];
  size_t first = strlen(from) + 1, second = strlen(to);
  if (first + second > sizeof both) abort();
  memcpy(both, from, first);
  memcpy(both + first, to, second);
  lock();
  int result = REAL(rename)(from, to);
  if (!result) note(RENAME, -1, 0, 0, both, first + second);
  unlock();
  return result;
}

/* ---- what is in them ---- */

#define WRITING(call, at, pieces, count)                                                                     \
  if (no_room()) return -1;                                                                                  \
  lock();                                                                                                    \
  int64_t offset = at;                                                                                       \
  ssize_t result = call;                                                                                     \
  if (result > 0) note_pieces(WRITE, fd, offset, flags_of[fd] & WRITES_SYNC, pieces, count, result);         \
  unlock();                                                                                                  \
  return result
static int64_t place(int fd) {
  struct stat status;
  if (REAL(fcntl)(fd, F_GETFL) & O_APPEND) return fstat(fd, &status) ? -1 : status.st_size;
  return lseek64(fd, 0, SEEK_CUR);
}
ssize_t write(int fd, const void *bytes, size_t length) {
  if (!watched(fd)) return REAL(write)(fd, bytes, length);
  struct iovec piece = {(void *)bytes, length};
  WRITING(REAL(write)(fd, bytes, length), place(fd), &piece, 1);
}
ssize_t writev(int fd, const struct iovec *pieces, int count) {
  if (!watched(fd)) return REAL(writev)(fd, pieces, count);
  if (count == IOV_MAX) count--;
  WRITING(REAL(writev)(fd, pieces, count), place(fd), pieces, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  if (!watched(fd)) return REAL(pwrite)(fd, bytes, length, at);
  struct iovec piece = {(void *)bytes, length};
  WRITING(REAL(pwrite)(fd, bytes, length, at), at, &piece, 1);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) { return pwrite(fd, bytes, length, at); }
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t at) {
  if (!watched(fd)) return REAL(pwritev)(fd, pieces, count, at);
  if (count == IOV_MAX) count--;
  WRITING(REAL(pwritev)(fd, pieces, count, at), at, pieces, count);
}
ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off64_t at) { return pwritev(fd, pieces, count, at); }

int ftruncate(int fd, off_t length) {
  if (!watched(fd)) return REAL(ftruncate)(fd, length);
  lock();
  int result = REAL(ftruncate)(fd, length);
  if (!result) note(TRUNCATE, fd, length, 0, NULL, 0);
  unlock();
  return result;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

static int synced(int fd, int (*sync)(int)) {
  if (!watched(fd)) return sync(fd);
  lock();
  uint64_t number = ++syncs;
  note(SYNC_BEGINS, fd, number, 0, NULL, 0);
  unlock();
  nanosleep(&sync_takes, NULL);
  int result = sync(fd);
  lock();
  if (!result) note(SYNC_ENDS, fd, number, 0, NULL, 0);
  unlock();
  return result;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

/* ---- what is not followed ---- */

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
  if (protection & PROT_WRITE && flags & MAP_SHARED && watched(fd)) note_odd("mmap", fd);
  return REAL(mmap)(at, length, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
  return mmap(at, length, protection, flags, fd, offset);
}
int fallocate(int fd, int mode, off_t at, off_t length) {
  if (watched(fd)) note_odd("fallocate", fd);
  return REAL(fallocate)(fd, mode, at, length);
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) {
  if (watched(fd)) note_odd("posix_fallocate", fd);
  return REAL(posix_fallocate)(fd, at, length);
}
int posix_fallocate64(int fd, off64_t at, off64_t length) { return posix_fallocate(fd, at, length); }
int link(const char *from, const char *to) {
  if (below(to)) note_odd("link", -1);
  return REAL(link)(from, to);
}
