"""Checks that includes and link lists obey the layer table of docs/architecture.md.

    layers_test.py [FILE...]    all files of include, lib and runtime, or those named

Prints FILE:LINE of every violation and exits 1 if there is one.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# What a layer may include beside itself.
LAYERS = {
    "support": set(),
    "isa": {"support"},
    "sim": {"isa", "support"},
    "runtime": set(),
    "accel": {"runtime", "sim", "isa", "support"},  # runtime/accel
    "ir": {"support"},
    "te": {"ir", "support"},
    "schedule": {"te", "ir", "support"},
    "accelgen": {"schedule", "te", "ir", "accel", "isa", "support"},  # lib/codegen/accel
    "codegen": {"accelgen", "schedule", "te", "ir", "runtime", "accel", "sim", "isa", "support"},
}
LAYERS["autotune"] = {"codegen"} | LAYERS["codegen"]

# Third-party headers, and the places that may include them.
THIRD_PARTY = {
    "llvm": r"lib/codegen/llvm/",
    "llvm-c": r"lib/codegen/llvm/",
    "lld": r"lib/codegen/llvm/",
    "xgboost": r"lib/autotune/cost_model\.cpp",
    "nlohmann": r"(include/tc|lib)/autotune/|runtime/isa/config_json\.cpp",
    "fmt": r"lib/|runtime/(isa|sim|accel)/",
    "CLI": r"tools/",
    "pybind11": r"python/",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of_header(header):
    """The layer of a public header as it is included; those of the accelerator stand with others."""
    parts = header.split("/")
    if parts[1:3] == ["runtime", "accel"]:
        return "accel"
    if parts[1] == "codegen" and parts[2].startswith("accel"):
        return "accelgen"
    return parts[1]


def layer_of(path):
    """The layer of a path relative to the root; None if it is in none."""
    parts = pathlib.PurePosixPath(path).parts
    if parts[:2] == ("include", "tc"):
        name = layer_of_header("/".join(parts[1:]))
    elif parts[0] == "lib":
        name = "accelgen" if parts[1:3] == ("codegen", "accel") else parts[1]
    elif parts[0] == "runtime":
        name = parts[1] if parts[1] in LAYERS else "runtime"
    else:
        return None
    return name if name in LAYERS else None


def complaint(path, quote, header):
    """Why `path` may not include `header`; None if it may."""
    layer = layer_of(path)
    first = header.split("/")[0]
    if first in THIRD_PARTY and not re.match(THIRD_PARTY[first], path):
        return f"<{header}> belongs in {THIRD_PARTY[first]}"
    if header.startswith("tc/"):
        target = layer_of_header(header)
        if target not in LAYERS:
            return f'"{header}" is in no layer'
        if layer and target != layer and target not in LAYERS[layer]:
            return f"layer {layer} may not include layer {target}"
    elif quote == '"' and path.startswith("include/"):
        return f'a public header may not include the private "{header}"'
    elif quote == '"' and ".." in header.split("/"):
        other = layer_of((ROOT / path).parent.joinpath(header).resolve().relative_to(ROOT).as_posix())
        if layer and other != layer:
            return f'"{header}" is private to another layer'
    return None


def check_text(path, text):
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        why = match and complaint(path, *match.groups())
        if why:
            found.append(f"{path}:{number}: {why}")
    return found


def check_links(text):
    """The link list of a layer, and what it brings along, must be in the table too."""
    links = {}
    for name, deps in re.findall(r"^tc_layer\((\w+) DIR \S+ (?:EXCEPT \S+ )?DEPS ([^)]*)\)", text, re.M):
        links[name] = {d.removeprefix("tc_") for d in deps.split()} & set(LAYERS)
    found = []
    for name, direct in links.items():
        for dep in sorted(direct - LAYERS[name]):
            found.append(f"CMakeLists.txt: layer {name} may not link layer {dep}")
    return found


def self_test():
    """A check that finds nothing is worth nothing: each of these must be found."""
    bad = [
        ("lib/ir/a.cpp", '#include "tc/te/tensor.h"'),
        ("runtime/cpu/a.cpp", '#include "tc/ir/expr.h"'),
        ("runtime/cpu/a.cpp", '#include "tc/support/error.h"'),
        ("include/tc/runtime/a.h", '#include "tc/runtime/accel/device.h"'),
        ("runtime/accel/a.cpp", '#include "tc/ir/expr.h"'),
        ("include/tc/schedule/a.h", '#include "tc/codegen/build.h"'),
        ("lib/codegen/a.cpp", '#include "tc/autotune/log.h"'),
        ("lib/codegen/a.cpp", "#include <llvm/IR/Module.h>"),
        ("lib/autotune/log.cpp", "#include <xgboost/c_api.h>"),
        ("include/tc/ir/a.h", "#include <fmt/format.h>"),
        ("include/tc/ir/a.h", '#include "private.h"'),
        ("lib/te/a.cpp", '#include "../ir/make.h"'),
        ("lib/te/a.cpp", '#include "tc/nowhere/a.h"'),
    ]
    good = [
        ("lib/te/a.cpp", '#include "tc/ir/expr.h"'),
        ("lib/te/ops/a.cpp", '#include "../random.h"'),
        ("lib/codegen/llvm/a.cpp", "#include <llvm/IR/Module.h>"),
        ("lib/autotune/a.cpp", '#include "tc/runtime/timer.h"'),
        ("runtime/accel/a.cpp", '#include "tc/sim/run.h"'),
        ("include/tc/runtime/accel/a.h", '#include "tc/runtime/device.h"'),
        ("lib/codegen/accel/a.cpp", '#include "tc/runtime/accel/stream.h"'),
    ]
    assert all(check_text(*case) for case in bad), [c for c in bad if not check_text(*c)]
    assert not any(check_text(*case) for case in good), [c for c in good if check_text(*c)]
    assert check_links("tc_layer(ir DIR lib/ir DEPS tc_te)")


def main(arguments):
    self_test()
    if arguments:
        files = [pathlib.Path(a).resolve() for a in arguments]
    else:
        files = [f for folder in ("include", "lib", "runtime") for f in sorted((ROOT / folder).rglob("*"))]
    files = [f for f in files if f.suffix in (".h", ".c", ".cpp", ".inc")]
    found = check_links((ROOT / "CMakeLists.txt").read_text())
    for file in files:
        found += check_text(file.relative_to(ROOT).as_posix(), file.read_text())
    for line in found:
        print(line)
    print(f"{len(files)} files, {len(found)} violations")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
