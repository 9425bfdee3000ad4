"""Seeds faults into the code generator of the accelerator, one at a time, and sees that its tests find them.

  faults.py BUILD [--rounds N] [--only NAME,...] [--ninja "COMMAND"] [--cmake "OPTIONS"] [--report FILE]

BUILD is a folder for a copy of the sources and its build, kept between runs. Each fault replaces one
piece of text in lib/codegen/accel or runtime/accel. It is caught if a test of accelgen_test fails, crashes
or hangs, with N random programs; it is broken if its text is not in the sources, or they do not build with
it. --report writes the table of all faults: not together with --only. Exits 1 if one was missed or broken.
"""
import argparse
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# (name, file, what is wrong, text, replacement); the text stands once in the file
D = "lib/codegen/accel/"
FAULTS = [
    # ---- token planning
    ("inp-overwritten-while-read", D + "tokens.cpp", "a load does not wait for the product that reads its tiles of INP",
     "for_each_src(op.kernel, set(inp_.read));", ""),
    ("wgt-overwritten-while-read", D + "tokens.cpp", "the same for WGT", "for_each_wgt(op.kernel, set(wgt_.read));", ""),
    ("product-before-inp", D + "tokens.cpp", "a product does not wait for its tiles of INP",
     "for_each_src(op.kernel, after(inp_.written, load));", ""),
    ("product-before-wgt", D + "tokens.cpp", "a product does not wait for its tiles of WGT",
     "for_each_wgt(op.kernel, after(wgt_.written, load));", ""),
    ("reset-before-store", D + "tokens.cpp", "reset and ALU overwrite what a store still reads",
     "case Op::Kind::alu_imm:\n        for_each_dst(op.kernel, after(acc_.read, store));", "case Op::Kind::alu_imm:"),
    ("acc-load-before-store", D + "tokens.cpp", "a load into ACC overwrites what a store still reads",
     "after(pad.read, op.pad == Pad::acc ? store : compute)", "after(pad.read, compute)"),
    ("store-before-alu", D + "tokens.cpp", "a store waits for all of its tiles but the last",
     "for (int64_t t = 0; t < tiles_of(op.block); ++t) after(acc_.written, compute)", "for (int64_t t = 0; t + 1 < tiles_of(op.block); ++t) after(acc_.written, compute)"),
    ("zeros-do-not-count", D + "tokens.cpp", "padding that a load writes is not waited for",
     "for (int64_t t = 0; t < tiles_of(op.block); ++t)\n          set(op.pad", "for (int64_t t = 0; t < op.block.rows * op.block.cols; ++t)\n          set(op.pad"),
    ("clock-of-the-newest", D + "tokens.cpp", "a token is taken to tell what its unit knew later",
     "std::max(clock[i], done_[sender][i])", "std::max(clock[i], done_.back()[i])"),
    ("thinned-too-far", D + "tokens.cpp", "an edge is left out though its sender is one beyond what is known",
     "if (number <= clock[at(from)]) continue;", "if (number <= clock[at(from)] + 1) continue;"),
    ("done-too-early", D + "tokens.cpp", "an operation counts as done with the one before it",
     "done[at(unit)] = number;", "done[at(unit)] = number + 1;"),
    ("no-relay-to-stores", D + "tokens.cpp", "a store overwrites memory that a load still reads",
     "if (unit == Unit::compute) return;", "if (unit != Unit::load) return;"),
    ("no-relay-to-loads", D + "tokens.cpp", "a load reads memory before it is stored",
     "if (unit == Unit::compute) return;", "if (unit != Unit::store) return;"),
    ("memory-without-stride", D + "tokens.cpp", "rows in memory are taken to follow each other",
     "(op.block.dram + y * op.block.stride) * cells + x", "(op.block.dram + y * op.block.cols) * cells + x"),
    ("one-token-too-many", D + "tokens.cpp", "one more token is on its way than there is room for",
     "c.given - c.taken == depth_)", "c.given - c.taken == depth_ + 1)"),
    ("token-taken-twice", D + "tokens.cpp", "who was relieved of a token takes it all the same",
     "(of_next ? later.pop_next : later.pop_prev) = false;", "(void)later;"),
    # ---- transfers
    ("gap-beyond-the-end", D + "blocks.cpp", "zeros behind the last row are taken to be as many as between rows",
     "std::max({int64_t{0}, r.gap - kMaxPad, r.gap - after})", "std::max({int64_t{0}, r.gap - kMaxPad, 0 * after})"),
    ("rows-with-any-gap", D + "blocks.cpp", "rows with different numbers of zeros between them are one block",
     "(stride != r.stride || gap != r.gap)", "(stride != r.stride)"),
    ("rows-with-any-stride", D + "blocks.cpp", "rows at different distances are one block",
     "(stride != r.stride || gap != r.gap)", "(gap != r.gap)"),
    ("rows-of-any-length", D + "blocks.cpp", "a shorter row belongs to the block",
     "next->count != row->count", "next->count > row->count"),
    ("zeros-above-not-counted", D + "blocks.cpp", "a block begins where its data does",
     "b.sram = data - b.left - b.top * pitch;", "b.sram = data - b.left;"),
    ("zeros-twice", D + "blocks.cpp", "zeros below a block are written again one place off",
     "runs_[at_].sram += used;", ""),
    ("padding-field", D + "blocks.cpp", "16 zeros in a field for 15", "kMaxPad = 15", "kMaxPad = 16"),
    ("length-field", D + "blocks.cpp", "rows longer than the field", "kMaxSize = 0xffff", "kMaxSize = 0x1ffff"),
    ("padding-everywhere", D + "walk.cpp", "what is outside the image is read", "const bool copies = padding.holds(at);", "const bool copies = source >= 0 && source < from.tiles;"),
    ("first-copy-stays", D + "walk.cpp", "of several copies to one tile the first stays",
     "if (kept > 0 && moves[kept - 1].sram == m.sram) --kept;", "if (kept > 0 && moves[kept - 1].sram == m.sram) continue;"),
    # ---- micro-ops
    ("backwards-from-the-start", D + "kernels.cpp", "a falling loop runs upwards from its first tile",
     "first = first + (l.count - 1) * l.step;", "(void)first;"),
    ("merged-by-dst", D + "kernels.cpp", "loops are one when the results go on, whatever the operands do",
     "loops[j].step == loops[i].count * loops[i].step", "loops[j].step.dst == loops[i].count * loops[i].step.dst"),
    ("halves-of-odd-loops", D + "kernels.cpp", "a long loop of odd length loses an iteration",
     "rest[i].count -= half;", "rest[i].count = half;"),
    ("uops-beyond-the-cache", D + "kernels.cpp", "a kernel has twice the micro-ops that UOP holds",
     "if (uops <= config.uop_depth) continue;", "if (uops <= 2 * config.uop_depth) continue;"),
    ("singled-from-one", D + "kernels.cpp", "a loop that is run singly misses its first iteration",
     "for (int64_t n = 0; n < singled.count; ++n)", "for (int64_t n = 1; n < singled.count; ++n)"),
    ("inner-is-outer", D + "kernels.cpp", "both loops of an instruction are the same one",
     "kernel.inner = loop_of(loops[1]);", "kernel.inner = loop_of(loops[0]);"),
    ("preload-overflows", "runtime/accel/stream.cpp", "more micro-ops are loaded ahead than UOP holds",
     "if (kernel->uops.size() > depth - count) break;", "(void)depth;"),
    # ---- iterations
    ("guard-one-short", D + "domain.cpp", "a condition cuts the last iteration too",
     "ir::floor_div(-base + coef - 1, coef)", "ir::floor_div(-base, coef)"),
    ("guard-one-early", D + "domain.cpp", "a condition lets one iteration too many through",
     "ir::floor_div(base, -coef) + 1", "ir::floor_div(base, -coef)"),
    # ---- ALU
    ("in-place-though-needed", D + "alu.cpp", "an operand that is read later is overwritten", "own_[i] = alone && (self || dead[i]);", "own_[i] = alone && dead.size() > i;"),
    ("in-place-though-read-again", D + "alu.cpp", "an operand is overwritten while the expression needs it",
     "uses_[k] == 1 && own_[k]", "own_[k]"),
    ("dead-across-renewal", D + "walk.cpp", "a place counts as renewed where it is allocated (once a real fault)",
     "c.fresh[static_cast<size_t>(buffer)] = true;", "c.fresh[static_cast<size_t>(buffer)] = true;\n    touch({buffer, {}, {}}, c);"),
    ("sign-not-extended", D + "alu.cpp", "a narrowing cast keeps the high bits",
     "emit(isa::AluOp::shr, r.grid, config_.acc_bits - n.number);", "emit(isa::AluOp::shr, r.grid, 0);"),
    ("long-constant", D + "alu.cpp", "the high part of a constant forgets the sign of the low one",
     "static_cast<int16_t>((number - low) >> 16)", "static_cast<int16_t>(number >> 16)"),
    ("difference-negated", D + "alu.cpp", "a - b comes out as b - a", "emit(isa::AluOp::add, a.reg.grid, b.reg.grid);\n      emit(isa::AluOp::mul, a.reg.grid, -1);", "emit(isa::AluOp::add, a.reg.grid, b.reg.grid);"),
    # ---- storage
    ("places-touch", D + "places.cpp", "what is needed at the same leaf shares a place", "all[j]->first <= p.last", "all[j]->first < p.last"),
    ("threads-share", D + "places.h", "virtual threads have one place together", "(thread * p.copies + execution % p.copies)", "(0 * thread + execution % p.copies)"),
    ("threads-in-step", D + "tree.cpp", "virtual threads are taken to be at one place in the code (once a real fault)",
     "if (threads_ == 1) return;", "return;"),
    ("loop-not-counted", D + "tree.cpp", "what a loop needs again is given up inside it",
     "if (tree_.allocations[i].last >= first) widen", "if (false) widen"),
]


def run_tests(folder, rounds, seconds=300):
    """(caught, how) of the built compiler; what takes longer, of the processor, hangs."""
    environment = dict(os.environ, TC_ACCEL_ROUNDS=str(rounds))
    out = subprocess.run([str(folder / "build/release/test/accelgen_test"), "--gtest_fail_fast"], capture_output=True, text=True,
                         errors="replace", env=environment, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds)))
    if out.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return True, "hang"
    if out.returncode == 0:
        return False, f"no test fails, {rounds} random programs"
    failed = re.search(r"\[  FAILED  \] (\S+)", out.stdout)
    return True, failed.group(1) if failed else f"crash, exit status {out.returncode}"


def copy_sources(to):
    """Tracked files, written only where they differ, so that little is built again."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    for name in filter(None, names):
        source, target = ROOT / name, to / name
        if not source.is_file() or target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def build(folder, ninja):
    return subprocess.run(shlex.split(ninja) + ["-C", str(folder / "build/release"), "accelgen_test"], capture_output=True, text=True)


def run_one(fault, folder, options):
    _, file, _, old, new = fault
    path = folder / file
    text = path.read_text()
    if text.count(old) != 1:
        return None, f"the text stands {text.count(old)} times in {file}"
    path.write_text(text.replace(old, new))
    try:
        built = build(folder, options.ninja)
        if built.returncode != 0:
            return None, "does not build: " + "".join(built.stdout.splitlines(True)[-6:])[:600]
        return run_tests(folder, options.rounds)
    finally:
        path.write_text(text)


def report(results, rounds):
    caught = sum(1 for r in results if r[1])
    lines = ["# Seeded faults of the accelerator's code generator", "",
             "Each fault below was put into the sources, alone, which were built again, and the tests of accelgen_test run, with "
             f"{rounds} random programs of each kind and mutated ones, until one failed. Written by",
             "", f"    python test/accelgen/faults.py BUILD --rounds {rounds} --report docs/faults-accel.md", "",
             f"{caught} of {len(results)} faults caught.", "", "| fault | file | what is wrong | found by |", "|---|---|---|---|"]
    lines += [f"| {f[0]} | {f[1]} | {f[2]} | {how if ok else '**broken**: ' + how.splitlines()[0] if ok is None else '**missed**'} |"
              for f, ok, how in results]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--only", default="")
    parser.add_argument("--ninja", default="ninja")
    parser.add_argument("--cmake", default="-DTC_BUILD_BENCH=OFF -DTC_BUILD_PYTHON=OFF")
    parser.add_argument("--report", type=pathlib.Path)
    options = parser.parse_args()
    if options.only and options.report:
        sys.exit("--report is of all faults: leave out --only")
    folder = options.folder.resolve()
    copy_sources(folder)
    if not (folder / "build/release/build.ninja").is_file():
        subprocess.run(["cmake", "-S", str(folder), "-B", str(folder / "build/release"), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"] +
                       shlex.split(options.cmake), check=True, stdout=subprocess.DEVNULL)
    built = build(folder, options.ninja)
    if built.returncode != 0:
        sys.exit(built.stdout[-3000:])
    caught, how = run_tests(folder, options.rounds)
    if caught:
        sys.exit(f"a failure without any fault: {how}")
    results = []
    only = set(filter(None, options.only.split(",")))
    for fault in FAULTS:
        if only and fault[0] not in only:
            continue
        start = time.time()
        caught, how = run_one(fault, folder, options)
        print(f"{'caught' if caught else 'BROKEN' if caught is None else 'MISSED'} {fault[0]}: {how} ({time.time() - start:.0f} s)", flush=True)
        results.append((fault, caught, how))
    caught = sum(1 for r in results if r[1])
    print(f"{caught} of {len(results)} caught")
    if options.report:
        options.report.write_text(report(results, options.rounds))
    return 0 if results and caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
