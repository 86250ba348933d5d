/*
 * fault_inject [--call N] [--times M] [--only NAME,…] [--on file|directory] [--action ACTION] [--list] PROGRAM …
 *
 * Runs PROGRAM under ptrace and does something to the N-th system call (of all its threads together, in the order
 * in which they enter the kernel) after PROGRAM sends itself SIGUSR1:
 *
 *     kill            SIGKILL before the call is carried out
 *     freeze          stops every thread there, says so, and lets them go when a byte arrives on stdin
 *     error=NUMBER    the call is not carried out and answers that errno; close is carried out, as Linux does
 *     late=NUMBER     the call is carried out and answers that errno all the same: a lost reply
 *     lie             the call is not carried out and answers success: what a broken store would do
 *     short=BYTES     a write is carried out for at most so many bytes
 *
 * Calls that change nothing outside the process (memory, threads, waiting) are not counted: how many there are is
 * chance. --list prints each counted call on stderr. At the end stderr says "injected NAME" or "not reached, COUNT
 * calls". The exit code is PROGRAM's, or 128 + signal.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#if !defined(__x86_64__)
#error "fault_inject changes registers, which it can do on x86-64 only"
#endif

enum action { kKill, kFreeze, kError, kLate, kLie, kShort };
enum { kMaxThreads = 512, kTracerFailed = 125 };

static struct {
  long call, times;
  const char* only;
  const char* on;
  enum action action;
  long value;
  bool list;
} want = {.call = -1, .times = 1};

struct thread {
  pid_t id;
  bool answer; /* at the exit of its present call the result becomes `result` */
  long result;
};

static struct thread threads[kMaxThreads];
static int thread_count;
static bool marked;
static long counted;
static const char* injected; /* the call */
static pid_t program;

struct name {
  long number;
  const char* text;
};

static const long kInner[] = {
    SYS_futex,  SYS_mmap,        SYS_munmap,        SYS_mprotect,          SYS_madvise,         SYS_mremap,
    SYS_brk,    SYS_getpid,      SYS_gettid,        SYS_rt_sigprocmask,    SYS_rt_sigaction,    SYS_set_robust_list,
    SYS_rseq,   SYS_sched_yield, SYS_clock_gettime, SYS_nanosleep,         SYS_clock_nanosleep, SYS_clone,
    SYS_clone3, SYS_exit,        SYS_prctl,         SYS_sched_getaffinity, SYS_getrandom};

static bool is_inner(unsigned long long number) {
  for (size_t i = 0; i < sizeof kInner / sizeof kInner[0]; ++i) {
    if ((unsigned long long)kInner[i] == number) return true;
  }
  return false;
}

#define NAME(call) \
  { SYS_##call, #call }
static const struct name kNames[] = {NAME(read),
                                     NAME(write),
                                     NAME(pread64),
                                     NAME(pwrite64),
                                     NAME(readv),
                                     NAME(writev),
                                     NAME(pwritev),
                                     NAME(pwritev2),
                                     NAME(open),
                                     NAME(openat),
                                     NAME(close),
                                     NAME(fsync),
                                     NAME(fdatasync),
                                     NAME(syncfs),
                                     NAME(ftruncate),
                                     NAME(fallocate),
                                     NAME(rename),
                                     NAME(renameat),
                                     NAME(renameat2),
                                     NAME(link),
                                     NAME(linkat),
                                     NAME(unlink),
                                     NAME(unlinkat),
                                     NAME(mkdir),
                                     NAME(mkdirat),
                                     NAME(rmdir),
                                     NAME(stat),
                                     NAME(lstat),
                                     NAME(fstat),
                                     NAME(statfs),
                                     NAME(fstatfs),
                                     NAME(newfstatat),
                                     NAME(statx),
                                     NAME(getdents64),
                                     NAME(lseek),
                                     NAME(fcntl),
                                     NAME(flock),
                                     NAME(access),
                                     NAME(faccessat),
                                     NAME(faccessat2),
                                     NAME(readlink),
                                     NAME(readlinkat),
                                     NAME(chmod),
                                     NAME(fchmod),
                                     NAME(fchmodat),
                                     NAME(utimensat),
                                     NAME(ioctl),
                                     NAME(dup),
                                     NAME(sync_file_range),
                                     NAME(copy_file_range),
                                     NAME(fadvise64),
                                     NAME(getcwd),
                                     NAME(uname),
                                     NAME(exit_group)};

static const char* name_of(long number) {
  static char text[32];
  for (size_t i = 0; i < sizeof kNames / sizeof kNames[0]; ++i) {
    if (kNames[i].number == number) return kNames[i].text;
  }
  snprintf(text, sizeof text, "call-%ld", number);
  return text;
}

static struct thread* find(pid_t id) {
  for (int i = 0; i < thread_count; ++i) {
    if (threads[i].id == id) return &threads[i];
  }
  if (thread_count == kMaxThreads) return NULL;
  threads[thread_count] = (struct thread){.id = id};
  return &threads[thread_count++];
}

static void forget(pid_t id) {
  for (int i = 0; i < thread_count; ++i) {
    if (threads[i].id == id) threads[i] = threads[--thread_count];
  }
}

static void go_on(pid_t id, int signal) {
  ptrace(marked ? PTRACE_SYSCALL : PTRACE_CONT, id, NULL, (void*)(long)signal);
}

static bool in_list(const char* names, const char* name) {
  const size_t length = strlen(name);
  for (const char* at = names; at != NULL; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
    if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == '\0')) return true;
  }
  return false;
}

/* What the first argument, a descriptor, is open on. */
static bool is_on(pid_t id, unsigned long long descriptor, const char* kind) {
  char path[64];
  struct stat info;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", id, (int)descriptor);
  if (stat(path, &info) != 0) return false;
  return strcmp(kind, "directory") == 0 ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode);
}

static void set_register(pid_t id, size_t offset, long value) {
  ptrace(PTRACE_POKEUSER, id, (void*)offset, (void*)value);
}

/* Stops the other threads, waits for the byte, and lets the program go for good. */
static void freeze(pid_t here) {
  for (int i = 0; i < thread_count; ++i) {
    if (threads[i].id != here) ptrace(PTRACE_INTERRUPT, threads[i].id, NULL, NULL);
  }
  for (int i = 0; i < thread_count; ++i) {
    int status;
    if (threads[i].id != here) waitpid(threads[i].id, &status, __WALL);
  }
  fprintf(stderr, "frozen %s\n", injected);
  (void)getchar();
  for (int i = 0; i < thread_count; ++i) ptrace(PTRACE_DETACH, threads[i].id, NULL, NULL);
}

static void skip_call(struct thread* thread, const struct __ptrace_syscall_info* call, long result) {
  /* A descriptor is gone even when its close fails. */
  if (call->entry.nr != SYS_close) set_register(thread->id, offsetof(struct user_regs_struct, orig_rax), -1);
  thread->answer = true;
  thread->result = result;
}

static long success(const struct __ptrace_syscall_info* call) {
  const bool writes = call->entry.nr == SYS_write || call->entry.nr == SYS_pwrite64;
  return writes ? (long)call->entry.args[2] : 0;
}

static void act(struct thread* thread, const struct __ptrace_syscall_info* call) {
  switch (want.action) {
    case kKill: kill(program, SIGKILL); return;
    case kFreeze: freeze(thread->id); return;
    case kError: skip_call(thread, call, -want.value); break;
    case kLie: skip_call(thread, call, success(call)); break;
    case kLate:
      thread->answer = true;
      thread->result = -want.value;
      break;
    case kShort:
      if (call->entry.args[2] > (unsigned long long)want.value) {
        set_register(thread->id, offsetof(struct user_regs_struct, rdx), want.value);
      }
      break;
  }
  go_on(thread->id, 0);
}

static void enter(struct thread* thread, const struct __ptrace_syscall_info* call) {
  const char* name = name_of((long)call->entry.nr);
  const bool counts = !is_inner(call->entry.nr) && (want.only == NULL || in_list(want.only, name)) &&
                      (want.on == NULL || is_on(thread->id, call->entry.args[0], want.on));
  if (!counts) {
    go_on(thread->id, 0);
    return;
  }
  const long number = counted++;
  if (want.list) fprintf(stderr, "call %ld %s\n", number, name);
  const bool hit = want.call >= 0 && number >= want.call && (want.times == 0 || number < want.call + want.times);
  if (!hit) {
    go_on(thread->id, 0);
    return;
  }
  if (injected == NULL) injected = strdup(name);
  act(thread, call);
}

static void system_call_stop(struct thread* thread) {
  struct __ptrace_syscall_info call;
  memset(&call, 0, sizeof call);
  ptrace(PTRACE_GET_SYSCALL_INFO, thread->id, (void*)sizeof call, &call);
  if (call.op == PTRACE_SYSCALL_INFO_ENTRY) {
    enter(thread, &call);
    return;
  }
  if (thread->answer) {
    set_register(thread->id, offsetof(struct user_regs_struct, rax), thread->result);
    thread->answer = false;
  }
  go_on(thread->id, 0);
}

static void begin_counting(pid_t here) {
  marked = true;
  /* Threads that run are stopped once, to be traced from then on. */
  for (int i = 0; i < thread_count; ++i) {
    if (threads[i].id != here) ptrace(PTRACE_INTERRUPT, threads[i].id, NULL, NULL);
  }
}

static void handle_stop(pid_t id, int status) {
  struct thread* thread = find(id);
  const int signal = WSTOPSIG(status), event = status >> 16;
  if (thread == NULL) exit(kTracerFailed);
  if (signal == (SIGTRAP | 0x80)) {
    system_call_stop(thread);
  } else if (event == PTRACE_EVENT_STOP && signal == SIGSTOP) {
    ptrace(PTRACE_LISTEN, id, NULL, NULL);
  } else if (event != 0) {
    go_on(id, 0);
  } else if (signal == SIGUSR1 && !marked) {
    begin_counting(id);
    go_on(id, 0);
  } else {
    go_on(id, signal);
  }
}

static int follow(void) {
  for (;;) {
    int status;
    const pid_t id = waitpid(-1, &status, __WALL);
    if (id < 0) return kTracerFailed;
    if (WIFSTOPPED(status)) {
      handle_stop(id, status);
      continue;
    }
    forget(id);
    if (id == program) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

static int start(char** command) {
  int gate[2];
  if (pipe2(gate, O_CLOEXEC) != 0) return -1;
  program = fork();
  if (program == 0) {
    char byte;
    close(gate[1]);
    if (read(gate[0], &byte, 1) != 1) _exit(kTracerFailed);
    /* stdin is the injector's own: it says when to thaw. */
    dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
    execv(command[0], command);
    _exit(kTracerFailed);
  }
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (program < 0 || ptrace(PTRACE_SEIZE, program, NULL, (void*)options) != 0) {
    perror("fault_inject: ptrace is not to be had");
    if (program > 0) kill(program, SIGKILL);
    return -1;
  }
  find(program);
  return write(gate[1], "", 1) == 1 ? 0 : -1;
}

static bool parse_action(const char* text) {
  static const struct {
    const char* name;
    enum action action;
  } kinds[] = {{"kill", kKill},  {"freeze", kFreeze}, {"error=", kError},
               {"late=", kLate}, {"lie", kLie},       {"short=", kShort}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    const size_t length = strlen(kinds[i].name);
    if (strncmp(text, kinds[i].name, length) != 0) continue;
    want.action = kinds[i].action;
    want.value = strtol(text + length, NULL, 10);
    return true;
  }
  return false;
}

int main(int argc, char** argv) {
  static const struct option names[] = {{"call", required_argument, NULL, 'c'},
                                        {"times", required_argument, NULL, 't'},
                                        {"only", required_argument, NULL, 'o'},
                                        {"on", required_argument, NULL, 'k'},
                                        {"list", no_argument, NULL, 'l'},
                                        {"action", required_argument, NULL, 'a'},
                                        {NULL, 0, NULL, 0}};
  int option;
  bool good = true;
  while ((option = getopt_long(argc, argv, "+", names, NULL)) != -1) {
    switch (option) {
      case 'c': want.call = strtol(optarg, NULL, 10); break;
      case 't': want.times = strtol(optarg, NULL, 10); break;
      case 'o': want.only = optarg; break;
      case 'k': want.on = optarg; break;
      case 'l': want.list = true; break;
      case 'a': good = good && parse_action(optarg); break;
      default: good = false;
    }
  }
  if (!good || optind >= argc) {
    fprintf(stderr, "usage: fault_inject [OPTION…] PROGRAM [ARGUMENT…]\n");
    return kTracerFailed;
  }
  if (start(argv + optind) != 0) return kTracerFailed;
  const int code = follow();
  if (injected != NULL) {
    fprintf(stderr, "injected %s\n", injected);
  } else {
    fprintf(stderr, "not reached, %ld calls\n", counted);
  }
  return code;
}
