// allocation VOLUME FIRST STRIDE KEY=VALUE…
//
// Creates a poller and a trainer, restores, steps, saves, restores again, runs until a notice and frees them, with the
// allocation number n failing, for n = FIRST, FIRST + STRIDE, … until a pass needs fewer. Allocations are counted over
// all threads: the caller's, the workers', the writer's and the poller's, which watches a file. Each pass must answer
// with success or an error that means "not now" (never with one that says that a checkpoint is missing, damaged or
// foreign), leave no memory behind, keep what was acknowledged, and go through when nothing fails. Prints a line for
// each promise that was not kept, and "passes COUNT failures COUNT errors COUNT" at the end. The passes run in
// children, so that a crash is a finding too. What libgomp (oneDNN's threads) allocates never fails: it would end the
// process itself, and nobody can help that.

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <link.h>
#include <spot_trainer.h>
#include <string>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}

namespace {

/// The allocation that fails, counted from now on over all threads; 0: none.
std::atomic<std::int64_t> fail_at{0};
std::atomic<std::int64_t> allocations{0};
std::atomic<std::int64_t> living{0};
std::atomic<bool> failed{false};

/// Where libgomp's code lies; nothing when it is not loaded.
std::atomic<std::uintptr_t> gomp_begin{0};
std::atomic<std::uintptr_t> gomp_end{0};

int find_gomp(dl_phdr_info* library, std::size_t /*size*/, void* /*user*/) {
  if (std::strstr(library->dlpi_name, "libgomp") == nullptr) return 0;
  gomp_begin = library->dlpi_addr;
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const auto& part = library->dlpi_phdr[i];
    gomp_end = std::max<std::uintptr_t>(gomp_end, library->dlpi_addr + part.p_vaddr + part.p_memsz);
  }
  return 1;
}

bool refused(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  if (address >= gomp_begin && address < gomp_end) return false;
  const std::int64_t number = allocations.fetch_add(1) + 1;
  if (number != fail_at.load()) return false;
  failed = true;
  errno = ENOMEM;
  return true;
}

void* counted(void* memory) {
  if (memory != nullptr) living.fetch_add(1);
  return memory;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) {
  return refused(__builtin_return_address(0)) ? nullptr : counted(__libc_malloc(size));
}

void* calloc(std::size_t count, std::size_t size) {
  return refused(__builtin_return_address(0)) ? nullptr : counted(__libc_calloc(count, size));
}

void* realloc(void* old, std::size_t size) {
  if (refused(__builtin_return_address(0))) return nullptr;
  void* memory = __libc_realloc(old, size);
  if (old == nullptr) return counted(memory);
  if (size == 0) living.fetch_sub(1);
  return memory;
}

void* memalign(std::size_t alignment, std::size_t size) {
  return refused(__builtin_return_address(0)) ? nullptr : counted(__libc_memalign(alignment, size));
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  return refused(__builtin_return_address(0)) ? nullptr : counted(__libc_memalign(alignment, size));
}

int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  if (refused(__builtin_return_address(0))) return ENOMEM;
  *out = counted(__libc_memalign(alignment, size));
  return *out == nullptr ? ENOMEM : 0;
}

void free(void* memory) {
  if (memory != nullptr) living.fetch_sub(1);
  __libc_free(memory);
}
}

namespace {

/// What the children tell their parent, in memory that they share.
struct Shared {
  std::atomic<std::int64_t> pass;     ///< in progress
  std::atomic<std::uint64_t> newest;  ///< step that was acknowledged last
  std::atomic<std::uint64_t> passes;
  std::atomic<std::uint64_t> injected;
  std::atomic<std::uint64_t> errors;  ///< passes that answered with one
  std::atomic<std::uint64_t> findings;
  std::atomic<bool> finished;
};

Shared* shared = nullptr;

void find(std::int64_t pass, const char* what, const char* detail) {
  std::printf("allocation %lld: %s %s\n", static_cast<long long>(pass), what, detail);
  shared->findings.fetch_add(1);
}

bool means_not_now(spot_status status) {
  return status == SPOT_E_NO_MEMORY || status == SPOT_E_IO;
}

/// Judges one answer; true: go on with this pass. `error` is a reference because the call that fills it is an
/// argument, too.
bool judge(std::int64_t pass, const char* call, spot_status status, spot_error* const& error) {
  if (status == SPOT_OK) return true;
  if (!means_not_now(status) || !failed) {
    find(pass, call, (std::string(spot_status_name(status)) + " " + spot_error_message(error)).c_str());
  }
  spot_error_free(error);
  return false;
}

void check_step(std::int64_t pass, spot_trainer* trainer) {
  spot_trainer_info info;
  std::memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  if (spot_trainer_get_info(trainer, &info, nullptr) != SPOT_OK) return;
  if (info.step < shared->newest) find(pass, "restore", "gave an older checkpoint than the one acknowledged");
}

std::int32_t count_ends(void* user, const spot_event* /*event*/) {
  ++*static_cast<int*>(user);
  return SPOT_ANSWER_CONTINUE;
}

/// A run that a notice of the host's ends after it has begun: it saves in any case, but a save may fail.
bool run_to_notice(std::int64_t pass, spot_trainer* trainer, spot_poller* poller) {
  spot_error* error = nullptr;
  if (!judge(pass, "notify", spot_poller_notify(poller, SPOT_ACTION_TERMINATE, nullptr, "test", 120, nullptr, &error),
             error)) {
    return false;
  }
  int ends = 0;
  const spot_status asked = spot_trainer_set_callback(trainer, SPOT_EVENT_RUN_END, count_ends, &ends, nullptr, &error);
  if (!judge(pass, "callback", asked, error)) return false;
  spot_run_result result;
  std::memset(&result, 0, sizeof result);
  result.struct_size = sizeof result;
  const bool went_through = judge(pass, "run", spot_trainer_run(trainer, poller, nullptr, &result, &error), error);
  if (ends != 1) find(pass, "run", ends == 0 ? "did not tell its end" : "told its end more than once");
  if (!went_through) return false;
  if (result.reason != SPOT_RUN_INTERRUPTED) find(pass, "run", "was not interrupted by the notice");
  if (result.durable == 1 && result.step > shared->newest) shared->newest = result.step;
  if (result.durable != 1 && !failed) find(pass, "run", "ended without a durable checkpoint");
  return result.durable == 1;
}

bool use(std::int64_t pass, spot_trainer* trainer, spot_poller* poller) {
  spot_error* error = nullptr;
  spot_save_report saved;
  std::memset(&saved, 0, sizeof saved);
  saved.struct_size = sizeof saved;
  const spot_status restored = spot_trainer_restore(trainer, nullptr, nullptr, &error);
  if (restored == SPOT_E_NOT_FOUND && shared->newest == 0) {
    spot_error_free(error);  // the first life of all
  } else if (!judge(pass, "restore", restored, error)) {
    return false;
  }
  check_step(pass, trainer);
  if (!judge(pass, "step", spot_trainer_step(trainer, 1, nullptr, nullptr, &error), error)) return false;
  if (!judge(pass, "checkpoint", spot_trainer_checkpoint(trainer, nullptr, &saved, &error), error)) return false;
  shared->newest = saved.step;
  if (!judge(pass, "restore again", spot_trainer_restore(trainer, nullptr, nullptr, &error), error)) return false;
  check_step(pass, trainer);
  return run_to_notice(pass, trainer, poller);
}

/// One life with allocation `number` failing (0: none). True when every call succeeded.
bool live(std::int64_t pass, std::int64_t number, int argc, char** argv) {
  spot_config* config = nullptr;
  spot_trainer* trainer = nullptr;
  spot_poller* poller = nullptr;
  spot_error* error = nullptr;
  failed = false;
  allocations = 0;
  fail_at = number;
  bool good = judge(pass, "config", spot_config_create(&config, &error), error);
  good = good && judge(pass, "set", spot_config_set_str(config, "volume", argv[1], &error), error);
  for (int i = 4; i < argc && good; ++i) {
    char key[64] = "";
    const char* equals = std::strchr(argv[i], '=');
    std::memcpy(key, argv[i], static_cast<std::size_t>(equals - argv[i]));
    good = judge(pass, "set", spot_config_set_str(config, key, equals + 1, &error), error);
  }
  good = good && judge(pass, "poller", spot_poller_create(config, &poller, &error), error);
  good = good && judge(pass, "create", spot_trainer_create(config, nullptr, nullptr, &trainer, &error), error);
  good = good && use(pass, trainer, poller);
  spot_poller_free(poller);
  spot_trainer_free(trainer);
  spot_config_free(config);
  fail_at = 0;
  return good;
}

/// Memory that a life with that failure leaves behind.
std::int64_t left_behind(std::int64_t pass, std::int64_t number, int argc, char** argv) {
  const std::int64_t before = living;
  const bool good = live(pass, number, argc, argv);
  if (!good) shared->errors.fetch_add(1);
  return living - before;
}

void run_passes(std::int64_t first, std::int64_t stride, int argc, char** argv) {
  // What is allocated once and kept, and a checkpoint to restore.
  for (int i = 0; i < 2; ++i) live(0, 0, argc, argv);
  for (std::int64_t number = first;; number += stride) {
    shared->pass = number;
    std::int64_t left = left_behind(number, number, argc, argv);
    if (!failed) break;
    shared->passes.fetch_add(1);
    shared->injected.fetch_add(1);
    // Something kept for the next time is no leak; what is lost again is.
    if (left > 0) left = left_behind(number, number, argc, argv);
    if (left > 0) left = left_behind(number, number, argc, argv);
    if (left > 0) find(number, "leaves behind", (std::to_string(left) + " blocks").c_str());
    if (number / stride % 8 == 0 && !live(number, 0, argc, argv)) find(number, "afterwards", "nothing works any more");
  }
  shared->finished = true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 70;
  shared = new (memory) Shared{};
  dl_iterate_phdr(find_gomp, nullptr);
  std::int64_t first = std::strtoll(argv[2], nullptr, 10);
  const std::int64_t stride = std::strtoll(argv[3], nullptr, 10);
  for (int crashes = 0; crashes < 20 && !shared->finished;) {
    const pid_t child = fork();
    if (child == 0) {
      run_passes(first, stride, argc, argv);
      std::fflush(stdout);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    ++crashes;
    const std::string how = WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit";
    find(shared->pass, "ended the process:", how.c_str());
    first = shared->pass + stride;
  }
  std::printf("passes %llu failures %llu errors %llu\n", static_cast<unsigned long long>(shared->passes.load()),
              static_cast<unsigned long long>(shared->injected.load()),
              static_cast<unsigned long long>(shared->errors.load()));
  return shared->findings == 0 ? 0 : 1;
}
