/* Preloaded into a program, records what it does to the files below RECORDED_FOLDER, in order, in RECORDING: creations,
 * writes, truncations, removals and syncs. See disk.rs, which reads it.
 *
 * A record: kind (1 byte), length of the path (4), offset (8), length of the data (8), path, data; in the machine's own
 * byte order. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static int recording = -1;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("RECORDING");
  folder = getenv("RECORDED_FOLDER");
  if (path && folder) recording = (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *bytes, size_t length) {
  const char *next = bytes;
  while (length > 0) {
    ssize_t written = syscall(SYS_write, recording, next, length);
    if (written <= 0) abort();
    next += written;
    length -= (size_t)written;
  }
}

static void record(char kind, const char *path, uint64_t offset, const void *data, uint64_t length) {
  if (recording < 0 || strncmp(path, folder, strlen(folder)) != 0) return;
  uint32_t path_length = (uint32_t)strlen(path);
  put(&kind, 1);
  put(&path_length, sizeof path_length);
  put(&offset, sizeof offset);
  put(&length, sizeof length);
  put(path, path_length);
  put(data, length);
}

static void record_open_file(char kind, int fd, uint64_t offset, const void *data, uint64_t length) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t found = readlink(link, path, sizeof path - 1);
  if (found <= 0) return;
  path[found] = 0;
  record(kind, path, offset, data, length);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define IN_ORDER(act) \
  pthread_mutex_lock(&one_at_a_time); \
  act; \
  pthread_mutex_unlock(&one_at_a_time);

static int open_recorded(const char *path, int flags, mode_t mode) {
  int fd;
  IN_ORDER(int is_new = (flags & O_CREAT) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
           fd = openat(AT_FDCWD, path, flags, mode); if (fd >= 0 && is_new) record('c', path, 0, "", 0))
  return fd;
}

static mode_t mode_of(int flags, va_list rest) { return flags & O_CREAT ? va_arg(rest, mode_t) : 0; }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = mode_of(flags, rest); \
    va_end(rest); \
    return open_recorded(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *data, size_t length) {
  ssize_t written;
  IN_ORDER(off_t at = lseek(fd, 0, SEEK_CUR); written = REAL(write)(fd, data, length);
           if (written > 0 && at >= 0) record_open_file('w', fd, (uint64_t)at, data, (uint64_t)written))
  return written;
}

#define PWRITE(name, offset_t) \
  ssize_t name(int fd, const void *data, size_t length, offset_t at) { \
    ssize_t written; \
    IN_ORDER(written = REAL(name)(fd, data, length, at); \
             if (written > 0) record_open_file('w', fd, (uint64_t)at, data, (uint64_t)written)) \
    return written; \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_t) \
  int name(int fd, offset_t size) { \
    int failed; \
    IN_ORDER(failed = REAL(name)(fd, size); if (!failed) record_open_file('t', fd, (uint64_t)size, "", 0)) \
    return failed; \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name) \
  int name(int fd) { \
    int failed; \
    IN_ORDER(failed = REAL(name)(fd); if (!failed) record_open_file('s', fd, 0, "", 0)) \
    return failed; \
  }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
  int failed;
  IN_ORDER(failed = REAL(unlink)(path); if (!failed) record('u', path, 0, "", 0))
  return failed;
}
