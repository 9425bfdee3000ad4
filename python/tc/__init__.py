"""tc, a tensor compiler: expressions, schedules, tuning, native functions.

A computation is written once, as tensor expressions; a schedule says how its
loops run; build makes a function that takes NumPy arrays. See README.md.
"""
from ._tc import (
    Arg, Axis, BadLine, Bundle, DeviceProgram, Error, Expr, Function, Intrinsic, Log, NDArray, OutputCheck, Profile, Progress, Record, ReduceAxis,
    Reducer, Schedule, SegmentProfile, Stage, Step, Target, TaskStats, Tensor, TuneResult, Workload, Write, __version__, abs, assume, bind_sizes, build, cast,
    ceil, comm_reducer, compute, const, cos, empty, erf, evaluate, exp, extern, floor, from_dlpack, if_then_else, interpret, load, log, max, min,
    num_threads, placeholder, pow, prod, reduce_axis, reduce_tuple, round, rsqrt, scan, scan_state, select, set_num_threads, sigmoid, sin, size_var,
    sqrt, sum, tanh, tune, workload, workload_help,
)
from . import op

__all__ = [
    "Arg", "Axis", "BadLine", "Bundle", "DeviceProgram", "Error", "Expr", "Function", "Intrinsic", "Log", "NDArray", "OutputCheck", "Profile",
    "Progress", "Record", "ReduceAxis", "Reducer", "Schedule", "SegmentProfile", "Stage", "Step", "Target", "TaskStats", "Tensor", "TuneResult",
    "Workload", "Write", "__version__", "abs", "assume", "bind_sizes", "build", "cast", "ceil", "comm_reducer", "compute", "const", "cos", "empty", "erf",
    "evaluate", "exp", "extern", "floor", "from_dlpack", "if_then_else", "interpret", "load", "log", "max", "min", "num_threads", "op", "placeholder",
    "pow", "prod", "reduce_axis", "reduce_tuple", "round", "rsqrt", "scan", "scan_state", "select", "set_num_threads", "sigmoid", "sin", "size_var",
    "sqrt", "sum", "tanh", "tune", "workload", "workload_help",
]
