/*
 * Writes down what a process asks of its files and of the network, in the order in which it is done: each write, truncation,
 * sync, creation and removal below KEYS_RECORD_DIRECTORY with its bytes, and each message sent through a socket. The record is
 * KEYS_RECORD_FILE; its form is in recorder.ts. Loaded with LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE = 1, TRUNCATE, SYNC, CREATE, UNLINK, RENAME, SEND, LINK };

struct header {
  uint32_t kind;
  uint32_t path_length;
  uint64_t offset;
  uint64_t length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static const char *directory;
static size_t directory_length;

#define REAL(type, name, ...)                             \
  static type (*real)(__VA_ARGS__);                       \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void start(void) {
  const char *file = getenv("KEYS_RECORD_FILE");
  directory = getenv("KEYS_RECORD_DIRECTORY");
  if (!file || !directory) return;
  directory_length = strlen(directory);
  record = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (record < 0) abort();
}

static void put(const void *bytes, size_t length) {
  for (const char *at = bytes; length > 0;) {
    long written = syscall(SYS_write, record, at, length);
    if (written <= 0) abort();
    at += written;
    length -= written;
  }
}

static void note(enum kind kind, const char *path, uint64_t offset, const struct iovec *parts, int count) {
  struct header header = {kind, strlen(path), offset, 0};
  for (int i = 0; i < count; i++) header.length += parts[i].iov_len;
  pthread_mutex_lock(&lock);
  put(&header, sizeof header);
  put(path, header.path_length);
  for (int i = 0; i < count; i++) put(parts[i].iov_base, parts[i].iov_len);
  pthread_mutex_unlock(&lock);
}

static int is_ours(const char *path) {
  return record >= 0 && strncmp(path, directory, directory_length) == 0 &&
         (path[directory_length] == '/' || path[directory_length] == 0);
}

/* What an open file is called; false when it is none of ours. */
static int name_of(int fd, char path[PATH_MAX]) {
  char link[64];
  if (record < 0 || fd == record) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_ours(path);
}

static int is_socket(int fd) {
  int type;
  socklen_t length = sizeof type;
  return record >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

/* Before it is sent: from then on somebody may rely on it. */
static void note_send(int fd, const struct iovec *parts, int count) {
  if (is_socket(fd)) note(SEND, "", 0, parts, count);
}

static void note_write(int fd, uint64_t offset, const void *bytes, ssize_t written) {
  char path[PATH_MAX];
  struct iovec part = {(void *)bytes, written};
  if (written > 0 && name_of(fd, path)) note(WRITE, path, offset, &part, 1);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  ssize_t written = real(fd, bytes, length, offset);
  note_write(fd, offset, bytes, written);
  return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  struct iovec part = {(void *)bytes, length};
  note_send(fd, &part, 1);
  ssize_t written = real(fd, bytes, length);
  char path[PATH_MAX];
  if (written > 0 && name_of(fd, path)) note_write(fd, lseek(fd, 0, SEEK_CUR) - written, bytes, written);
  return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  char path[PATH_MAX];
  /* Nothing below our directory is written so; were it, the record would lack it. */
  if (name_of(fd, path)) abort();
  note_send(fd, parts, count);
  return real(fd, parts, count);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);
  note_send(fd, message->msg_iov, message->msg_iovlen);
  return real(fd, message, flags);
}

int ftruncate64(int fd, off64_t length) {
  REAL(int, "ftruncate64", int, off64_t);
  int result = real(fd, length);
  char path[PATH_MAX];
  if (result == 0 && name_of(fd, path)) note(TRUNCATE, path, length, 0, 0);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

static void note_sync(int fd, int result) {
  char path[PATH_MAX];
  if (result == 0 && name_of(fd, path)) note(SYNC, path, 0, 0, 0);
}

int fsync(int fd) {
  REAL(int, "fsync", int);
  int result = real(fd);
  note_sync(fd, result);
  return result;
}

int fdatasync(int fd) {
  REAL(int, "fdatasync", int);
  int result = real(fd);
  note_sync(fd, result);
  return result;
}

static int opened(int fd, int flags) {
  char path[PATH_MAX];
  if (fd >= 0 && (flags & O_CREAT) && name_of(fd, path)) note(CREATE, path, 0, 0, 0);
  if (fd >= 0 && (flags & O_TRUNC) && name_of(fd, path)) note(TRUNCATE, path, 0, 0, 0);
  return fd;
}

#define MODE(flags)                         \
  mode_t mode = 0;                          \
  if ((flags) & (O_CREAT | O_TMPFILE)) {    \
    va_list rest;                           \
    va_start(rest, flags);                  \
    mode = va_arg(rest, mode_t);            \
    va_end(rest);                           \
  }

int open64(const char *path, int flags, ...) {
  REAL(int, "open64", const char *, int, ...);
  MODE(flags);
  return opened(real(path, flags, mode), flags);
}

int open(const char *path, int flags, ...) {
  MODE(flags);
  return open64(path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
  REAL(int, "openat64", int, const char *, int, ...);
  MODE(flags);
  return opened(real(at, path, flags, mode), flags);
}

int openat(int at, const char *path, int flags, ...) {
  MODE(flags);
  return openat64(at, path, flags, mode);
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  int result = real(path);
  if (result == 0 && is_ours(path)) note(UNLINK, path, 0, 0, 0);
  return result;
}

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  int result = real(from, to);
  struct iovec part = {(void *)to, strlen(to)};
  if (result == 0 && is_ours(from)) note(RENAME, from, 0, &part, 1);
  return result;
}

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  int result = real(from, to);
  struct iovec part = {(void *)to, strlen(to)};
  if (result == 0 && is_ours(from)) note(LINK, from, 0, &part, 1);
  return result;
}
