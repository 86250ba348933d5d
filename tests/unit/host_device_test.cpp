#include "support/host_device.h"

#include <cstring>
#include <memory>
#include <stdexcept>

#include <doctest/doctest.h>

#include "engine/cuda/device_buffer.h"

// What the card that the host plays sees of misuse: a real one would not tell.

using namespace spot::cuda;

namespace {

struct Card {
  std::shared_ptr<host_device::Record> record = std::make_shared<host_device::Record>();
  std::unique_ptr<Device> device = host_device::make(record);
  DeviceBuffer<float> values{*device, 4};
  PinnedBuffer<float> host{*device, 4};

  void fill(float value) { device->launch(Fill{values.data(), 4, value}); }
  void download(Stream stream) { device->download(host.data(), values.data(), 4 * sizeof(float), stream); }
};

}  // namespace

TEST_CASE("work is done when somebody waits for it, not before") {
  Card card;
  card.host.data()[3] = 1;
  card.fill(7);
  card.download(Stream::kCompute);
  CHECK(card.host.data()[3] == 1);
  card.device->synchronise(Stream::kCompute);
  CHECK(card.host.data()[3] == 7);
}

TEST_CASE("a stream must wait for the other one's work on the same memory") {
  Card card;
  const auto event = card.device->make_event();
  card.fill(7);
  CHECK_THROWS_AS(card.download(Stream::kCopy), std::logic_error);
  event->record(Stream::kCompute);
  event->hold(Stream::kCopy);
  card.download(Stream::kCopy);
  CHECK_THROWS_AS(card.fill(8), std::logic_error);  // would be written while it is read
  event->record(Stream::kCopy);
  event->wait();
  CHECK(card.host.data()[0] == 7);
  card.fill(8);
}

TEST_CASE("a graph is recorded, not done, and done as often as it is launched") {
  Card card;
  card.device->begin_graph();
  card.fill(7);
  CHECK_THROWS_AS(card.download(Stream::kCompute), std::logic_error);
  CHECK_THROWS_AS(card.device->allocate(1), std::logic_error);
  CHECK_THROWS_AS(card.device->synchronise(Stream::kCompute), std::logic_error);
  CHECK_THROWS_AS(card.device->plan(ProductSpec{}), std::logic_error);
  const auto graph = card.device->end_graph();
  for (const bool launched : {false, true, true}) {
    if (launched) graph->launch();
    card.download(Stream::kCompute);
    card.device->synchronise(Stream::kCompute);
    CHECK(card.host.data()[0] == (launched ? 7.0F : 0.0F));
    card.fill(1);
  }
}

TEST_CASE("memory that was freed, and memory beyond, is not worked on") {
  Card card;
  float* gone = DeviceBuffer<float>(*card.device, 4).data();
  CHECK_THROWS_AS(card.device->launch(Fill{gone, 4, 1}), std::logic_error);
  CHECK_THROWS_AS(card.device->download(card.host.data(), card.values.data(), 2000, Stream::kCompute),
                  std::logic_error);
  const auto product = card.device->plan(ProductSpec{.m = 1, .n = 1, .k = 1});
  CHECK_THROWS_AS(product->run(card.values.data() + 1, card.values.data(), card.values.data()), std::logic_error);
}
