// Which cloud this machine runs in, and what the environment says about asking.

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/file.h"
#include "interrupt/source.h"
#include "support/failure.h"
#include "support/temporary_directory.h"
#include "support/text.h"

using namespace spot;
using spot::test::contains;
using spot::test::message_of;

namespace {

/// A variable of the environment while in scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

/// What make_source() finds, and says.
struct Found {
  bool any = false;
  std::string name, why, log;

  explicit Found(const PollerOptions& options) {
    const Log receiver([this](LogLevel, std::string_view line) { log += std::string(line) + "\n"; });
    const auto source = make_source(options, receiver, why);
    any = source != nullptr;
    if (any) name = source->name();
  }
};

std::string refusal(const PollerOptions& options) {
  return message_of([&] { Found found(options); });
}

}  // namespace

TEST_CASE("auto knows a machine of EC2 by what its maker wrote into it, and says so") {
  const std::pair<const char*, const char*> marks[] = {{"sys_vendor", "Amazon EC2\n"},
                                                       {"bios_vendor", "Amazon EC2\n"},
                                                       {"bios_version", "4.11.amazon\n"},
                                                       {"product_uuid", "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n"}};
  for (const auto& [name, text] : marks) {
    CAPTURE(name);
    const test::TemporaryDirectory dmi;
    write_file_atomically(dmi / name, std::string(text));
    const Found found({.metadata = "auto", .dmi_folder = dmi.path().string()});
    CHECK(found.name == "aws");
    CHECK(contains(found.log, "aws: the machine's maker says so"));
  }
}

TEST_CASE("auto does not know other machines before a service has answered") {
  const test::TemporaryDirectory dmi;
  write_file_atomically(dmi / "sys_vendor", std::string("QEMU\n"));
  for (const std::string& folder : {dmi.path().string(), (dmi / "none").string()}) {
    const Found found({.metadata = "auto", .dmi_folder = folder});
    CHECK(found.any);
    CHECK(found.name.empty());
  }
}

TEST_CASE("the environment switches auto off in any case of letters; metadata=aws wins, with a warning") {
  for (const char* value : {"true", "True", "TRUE", " true "}) {
    const Variable off("AWS_EC2_METADATA_DISABLED", value);
    const Found found({.metadata = "auto"});
    CHECK_FALSE(found.any);
    CHECK(contains(found.why, "AWS_EC2_METADATA_DISABLED"));
    const Found aws({.metadata = "aws"});
    CHECK(aws.name == "aws");
    CHECK(contains(aws.log, "AWS_EC2_METADATA_DISABLED"));
    const Found endpoint({.metadata = "auto", .endpoint = "http://127.0.0.1:1"});
    CHECK(endpoint.any);
    CHECK(contains(endpoint.log, "AWS_EC2_METADATA_DISABLED"));
  }
  for (const char* value : {"", "false", "0", "1"}) {
    const Variable on("AWS_EC2_METADATA_DISABLED", value);
    CHECK(Found({.metadata = "auto"}).any);
  }
}

TEST_CASE("an address that cannot be is refused by the name of what gave it") {
  for (const char* bad : {"https://127.0.0.1", "127.0.0.1", "http://", "ftp://host", "http://host:port", "http://[fd00",
                          "http://a b", "http://host?x=1", "http://host#x", "file:///etc/passwd"}) {
    CAPTURE(bad);
    CHECK(contains(refusal({.metadata = "aws", .endpoint = bad}), "metadata_endpoint"));
    const Variable variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", bad);
    CHECK(contains(refusal({.metadata = "auto"}), "AWS_EC2_METADATA_SERVICE_ENDPOINT"));
    CHECK(refusal({.metadata = "aws", .endpoint = "http://127.0.0.1/base/"}).empty());
    CHECK(refusal({.metadata = "none"}).empty());
  }
  const Variable mode("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv5");
  CHECK(contains(refusal({.metadata = "aws"}), "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"));
  CHECK(contains(refusal({.metadata = "azur"}), "aws, none or file:PATH"));
  CHECK(contains(refusal({.metadata = "file:"}), "no path"));
}
