// The accelerator: its programs and what a run of them did.
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "functions.h"
#include "tc/codegen/build.h"
#include "tc/isa/assembler.h"

namespace tc::python {

std::string machine_text(py::handle config) {
  if (!py::isinstance<py::dict>(config)) return to_path(config);
  // numbers of NumPy are integers too; what is none stays out of the JSON
  const auto number = py::cpp_function([](py::handle value) { return to_int(value, "a size of a machine"); });
  return py::module_::import("json").attr("dumps")(config, py::arg("default") = number).cast<std::string>();
}

py::dict machine_dict(const isa::MachineConfig& machine) {
  return py::module_::import("json").attr("loads")(isa::to_json(machine));
}

namespace {

py::dict unit_dict(const sim::UnitCycles& u) {
  py::dict out;
  out["busy"] = u.busy;
  out["wait_insn"] = u.wait_insn;
  out["wait_prev"] = u.wait_prev;
  out["wait_next"] = u.wait_next;
  out["wait_push"] = u.wait_push;
  out["idle"] = u.idle;
  return out;
}

// Names as in `tensorc sim --json`.
py::dict counters_dict(const sim::Counters& c) {
  py::dict out, units, insns, uops, bytes;
  for (const isa::Unit unit : {isa::Unit::load, isa::Unit::compute, isa::Unit::store})
    units[py::str(std::string(to_string(unit)))] = unit_dict(c.unit[static_cast<size_t>(unit)]);
  for (size_t i = 0; i < c.insns.size(); ++i)
    insns[py::str(std::string(to_string(static_cast<isa::Opcode>(i))))] = c.insns[i];
  uops["gemm"] = c.gemm_uops, uops["reset"] = c.reset_uops, uops["alu"] = c.alu_uops;
  bytes["insn"] = c.insn_bytes, bytes["uop"] = c.uop_bytes, bytes["wgt"] = c.wgt_bytes;
  bytes["inp"] = c.inp_bytes, bytes["acc"] = c.acc_bytes, bytes["out"] = c.out_bytes;
  bytes["data"] = c.data_bytes();
  out["cycles"] = c.cycles;
  out["occupied"] = c.occupied();
  out["units"] = units;
  out["fetch_blocked"] = c.fetch_blocked;
  out["memory_busy"] = c.memory_busy;
  out["gemm_cycles"] = c.gemm_cycles;
  out["alu_cycles"] = c.alu_cycles;
  out["compute_dma_cycles"] = c.compute_dma_cycles;
  out["insns"] = insns;
  out["micro_ops"] = uops;
  out["bytes"] = bytes;
  return out;
}

void write_text(const std::string& path, std::string_view text) {
  errno = 0;
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  TC_REQUIRE(!!out, Error("io.write", fmt::format("cannot write {}: {}", path, std::strerror(errno)))
                        .fix("name a file in a folder that exists and may be written"));
}

Profile profile(const Function& f, const py::args& given, const std::string& order, py::handle seed,
                bool check) {
  sim::RunOptions options = Function::timed();
  TC_REQUIRE(order == "timed" || order == "random" || order == "program",
             Error("codegen.profile", fmt::format("there is no order {}", order))
                 .fix("timed, random or program; only timed counts cycles"));
  options.order = order == "timed"    ? sim::Order::timed
                  : order == "random" ? sim::Order::random
                                      : sim::Order::program;
  options.seed = to_seed(seed);
  options.check_order = check;
  options.timeline = options.order == sim::Order::timed;
  const CallArgs args(f, given);
  const py::gil_scoped_release nogil;
  return f.profile(args.args(), options).value();
}

void bind_profile(py::module_& m) {
  py::class_<SegmentProfile> s(m, "SegmentProfile",
                               "A part of a run: a program of the device, or code on the host.");
  s.def_readonly("name", &SegmentProfile::name);
  s.def_readonly("device", &SegmentProfile::device);
  s.def_readonly("host_ms", &SegmentProfile::host_ms, "Wall clock of a part on the host.");
  s.def_property_readonly("counters",
                          [](const SegmentProfile& x) { return counters_dict(x.result.counters); });
  s.def_property_readonly("cycles", [](const SegmentProfile& x) { return x.result.counters.cycles; });

  py::class_<Profile> c(m, "Profile",
                        "What the device did in one run; in a notebook it shows itself, with the timeline.");
  c.def_readonly("machine", &Profile::machine);
  c.def_readonly("segments", &Profile::segments);
  c.def_property_readonly("cycles", &Profile::cycles, "Of all programs together.");
  c.def_property_readonly("occupancy", &Profile::occupancy,
                          "The share of cycles in which GEMM or ALU finished a micro-op.");
  c.def_property_readonly("gemm_utilisation", &Profile::gemm_utilisation,
                          "The share of cycles in which GEMM finished a micro-op.");
  c.def_property_readonly(
      "counters", [](const Profile& p) { return counters_dict(p.total()); },
      "The counters of all programs together, named as in tensorc sim --json.");
  c.def("table", &Profile::table, "Segments and units as an aligned table.");
  c.def("html", &Profile::html, py::arg("max_events") = 2000,
        "The table and a drawing of the timeline, without scripts; of more instructions than max_events "
        "neighbours are joined.");
  c.def("_repr_html_", [](const Profile& p) { return p.html(); });
  c.def(
      "timeline", &Profile::timeline, py::arg("columns") = 96,
      "The timeline in letters, a row a unit: L load, U load of micro-ops or of ACC, G GEMM, R reset, A ALU, "
      "S store, . waiting.");
  c.def("chrome_trace", &Profile::chrome_trace,
        "The timeline as JSON for chrome://tracing or ui.perfetto.dev; a cycle is a microsecond there.");
  c.def(
      "save_trace", [](const Profile& p, py::handle path) { write_text(to_path(path), p.chrome_trace()); },
      py::arg("path"), "Writes chrome_trace() to a file.");
  c.def("__str__", &Profile::table);
  c.def("__repr__", [](const Profile& p) {
    return fmt::format("Profile({}, {} cycles, {} segments)", p.machine, p.cycles(), p.segments.size());
  });
}

void bind_programs(py::module_& m) {
  py::class_<DeviceProgram> c(m, "DeviceProgram", "A program of the accelerator, compiled.");
  c.def_readonly("name", &DeviceProgram::name);
  c.def_property_readonly("machine", [](const DeviceProgram& p) { return machine_dict(p.program->config); });
  c.def_property_readonly(
      "stats",
      [](const DeviceProgram& p) {
        py::dict out;
        const accel::CompileStats& s = p.stats;
        out["insns"] = s.insns, out["loads"] = s.loads, out["stores"] = s.stores;
        out["gemms"] = s.gemms, out["alus"] = s.alus, out["tokens"] = s.tokens;
        out["uop_kernels"] = s.uop_kernels, out["uops"] = s.uops;
        out["inp_tiles"] = s.inp_tiles, out["wgt_tiles"] = s.wgt_tiles, out["acc_tiles"] = s.acc_tiles;
        return out;
      },
      "What it consists of: instructions, tokens, micro-ops, tiles of the scratchpads.");
  c.def(
      "listing", [](const DeviceProgram& p) { return isa::disassemble(*p.program); },
      "The program as text, which tensorc asm takes.");
  c.def(
      "save",
      [](const DeviceProgram& p, py::handle path) {
        write_text(to_path(path), isa::save(*p.program).value());
      },
      py::arg("path"), "Writes the file that tensorc sim runs.");
  c.def("__repr__", [](const DeviceProgram& p) {
    return fmt::format("DeviceProgram({}, {} instructions)", p.name, p.program->insns.size());
  });
}

}  // namespace

void bind_accel(py::module_& m) {
  bind_profile(m);
  bind_programs(m);
  // of the class Function, which bind_functions has made
  const py::object function = m.attr("Function");
  const auto method = [&](const char* name, auto f, auto&&... extra) {
    function.attr(name) = py::cpp_function(f, py::name(name), py::is_method(function), extra...);
  };
  method(
      "profile", &profile, py::arg("order") = "timed", py::arg("seed") = 0, py::arg("check") = true,
      "profile(a, b, c): runs on arrays as a call does, and gives a Profile of what the accelerator did. "
      "order \"random\" takes instructions in any order that the tokens allow, by the seed: results are the "
      "same. With check, accesses that no token orders are errors.");
  method(
      "programs", [](const Function& f) { return f.programs(); },
      "The programs for the accelerator, in the order in which they run; none of a function for a CPU.");
}

}  // namespace tc::python
