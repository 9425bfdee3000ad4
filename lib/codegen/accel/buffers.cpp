#include "buffers.h"

#include <fmt/format.h>

#include <algorithm>

#include "tc/isa/layout.h"

namespace tc::accel {

std::string_view to_string(Pad pad) {
  constexpr std::string_view kNames[] = {"inp", "wgt", "acc"};
  return kNames[static_cast<size_t>(pad)];
}

int64_t tile_elements(const isa::MachineConfig& c, Pad pad) {
  return pad == Pad::inp   ? c.batch * c.block_in
         : pad == Pad::wgt ? c.block_out * c.block_in
                           : c.batch * c.block_out;
}

int64_t depth_of(const isa::MachineConfig& c, Pad pad) {
  // A micro-op names tiles of INP in a field as wide as an index into ACC.
  if (pad == Pad::inp) return std::min(c.inp_depth, int64_t{1} << isa::field_widths(c).acc);
  return pad == Pad::wgt ? c.wgt_depth : c.acc_depth;
}

namespace {

void check_type(const ir::Buffer& b, Pad pad, const isa::MachineConfig& c) {
  const int64_t bits = pad == Pad::inp ? c.inp_bits : pad == Pad::wgt ? c.wgt_bits : c.acc_bits;
  const bool narrower = pad == Pad::acc && b.type.bits <= bits;
  if (b.type.is_int() && b.type.is_signed() && (b.type.bits == bits || narrower)) return;
  throw Error("codegen.accel.type", fmt::format("{} cannot hold {}", to_string(pad), to_string(b.type)))
      .fact("stage", b.name)
      .fact("expected", pad == Pad::acc ? fmt::format("i{}, or a narrower signed integer", bits)
                                        : fmt::format("i{}", bits))
      .fix(pad == Pad::acc
               ? "cast on the CPU, before the copy, or use a machine of other widths"
               : "what is computed is kept in acc (set_scope acc); inp and wgt hold copies of GEMM's "
                 "operands, which are cast on the CPU before");
}

}  // namespace

int Buffers::add(const ir::BufferRef& ref, bool global) {
  BufferInfo info{ref, global, Pad::inp, 1, {}, 0, 0};
  info.strides.resize(ref->shape.size());
  for (size_t d = ref->shape.size(); d-- > 0;) {
    const auto extent = ir::as_int(ref->shape[d]);
    if (!extent)
      throw Error("codegen.accel.shape", "a buffer of the device has an extent that is no number")
          .fact("buffer", ref->name)
          .fix("give every extent as a number");
    info.strides[d] = info.elements;
    if (__builtin_mul_overflow(info.elements, *extent, &info.elements) || info.elements > int64_t{1} << 40)
      throw Error("codegen.accel.shape", "a buffer is larger than the device's memory")
          .fact("buffer", ref->name)
          .fix("make its extents smaller, or compute the stage at an inner loop");
  }
  if (global && ref->scope != ir::Scope::global)
    throw Error("codegen.accel.scope",
                fmt::format("the parameter {} is in the scope {}", ref->name, ir::to_string(ref->scope)))
        .fix("parameters are in memory: copy them to a scratchpad");
  if (!global) {
    if (ref->scope != ir::Scope::inp && ref->scope != ir::Scope::wgt && ref->scope != ir::Scope::acc)
      throw Error("codegen.accel.scope",
                  fmt::format("{} is kept in the scope {} inside a program of the device", ref->name,
                              ir::to_string(ref->scope)))
          .fact("stage", ref->name)
          .fact("expected", "inp, wgt or acc")
          .fix("set_scope, or compute the stage at root, for the CPU");
    info.pad = ref->scope == ir::Scope::inp ? Pad::inp : ref->scope == ir::Scope::wgt ? Pad::wgt : Pad::acc;
    check_type(*ref, info.pad, config_);
    info.tile = tile_elements(config_, info.pad);
    info.tiles = (info.elements + info.tile - 1) / info.tile;
  }
  index_[ref.get()] = static_cast<int>(all_.size());
  all_.push_back(std::move(info));
  return static_cast<int>(all_.size()) - 1;
}

int Buffers::index(const ir::BufferRef& ref) const {
  const auto it = index_.find(ref.get());
  TC_ASSERT(it != index_.end(), "a buffer that is neither a parameter nor allocated");
  return it->second;
}

}  // namespace tc::accel
