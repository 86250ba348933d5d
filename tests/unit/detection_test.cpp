// Which cloud this machine runs in, and what the environment says about asking.

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/file.h"
#include "base/text.h"
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

TEST_CASE("auto knows a cloud's machine by what its maker wrote into it, and says so") {
  struct Mark {
    const char *name, *text, *cloud;
  };
  constexpr Mark kMarks[] = {{"sys_vendor", "Amazon EC2\n", "aws"},
                             {"bios_vendor", "Amazon EC2\n", "aws"},
                             {"bios_version", "4.11.amazon\n", "aws"},
                             {"product_uuid", "EC2E1916-9099-7CAF-FD21-012345ABCDEF\n", "aws"},
                             {"product_name", "Google Compute Engine\n", "gcp"},
                             {"chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n", "azure"},
                             {"sys_vendor", "Alibaba Cloud\n", "alibaba"},
                             {"product_name", "Alibaba Cloud ECS\n", "alibaba"},
                             {"sys_vendor", "Tencent Cloud\n", "tencent"}};
  for (const Mark& mark : kMarks) {
    CAPTURE(mark.text);
    const test::TemporaryDirectory dmi;
    write_file_atomically(dmi / mark.name, std::string(mark.text));
    const Found found({.metadata = "auto", .dmi_folder = dmi.path().string()});
    CHECK(found.name == mark.cloud);
    CHECK(contains(found.log, cat(mark.cloud, ": the machine's maker says so")));
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

TEST_CASE("the environment keeps auto from AWS, in any case of letters; metadata=aws wins, with a warning") {
  for (const char* value : {"true", "True", "TRUE", " true "}) {
    const Variable off("AWS_EC2_METADATA_DISABLED", value);
    const test::TemporaryDirectory dmi;
    write_file_atomically(dmi / "sys_vendor", std::string("Amazon EC2\n"));
    CHECK_FALSE(Found({.metadata = "auto", .dmi_folder = dmi.path().string()}).any);
    CHECK(Found({.metadata = "auto", .dmi_folder = (dmi / "none").string()}).any);
    const Found aws({.metadata = "aws"});
    CHECK(aws.name == "aws");
    CHECK(contains(aws.log, "AWS_EC2_METADATA_DISABLED"));
    const Found endpoint({.metadata = "auto", .endpoint = "http://127.0.0.1:1"});
    CHECK(endpoint.any);
    CHECK(contains(endpoint.log, "AWS_EC2_METADATA_DISABLED"));
  }
  for (const char* value : {"", "false", "0", "1"}) {
    const Variable on("AWS_EC2_METADATA_DISABLED", value);
    const test::TemporaryDirectory dmi;
    write_file_atomically(dmi / "sys_vendor", std::string("Amazon EC2\n"));
    CHECK(Found({.metadata = "auto", .dmi_folder = dmi.path().string()}).name == "aws");
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
  for (const char* host : {"http://metadata", "metadata/v1", "host:port"}) {
    const Variable google("GCE_METADATA_HOST", host);
    CHECK(contains(refusal({.metadata = "gcp"}), "GCE_METADATA_HOST"));
  }
  CHECK(contains(refusal({.metadata = "azur"}), "none or file:PATH"));
  CHECK(contains(refusal({.metadata = "file:"}), "no path"));
}
