#include "base/remove_tree.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "base/status.h"

namespace spot {

void remove_tree(const Fd& folder, const std::string& name) {
  if (::unlinkat(folder.get(), name.c_str(), 0) == 0 || errno != EISDIR) return;
  try {
    const Fd inside(::openat(folder.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inside.valid()) return;
    for (const std::string& entry : entry_names(inside)) remove_tree(inside, entry);
  } catch (const Error&) {  // removed by somebody else meanwhile
  }
  ::unlinkat(folder.get(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace spot
