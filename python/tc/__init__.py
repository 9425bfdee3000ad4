"""tc, a tensor compiler: expressions, schedules, tuning, native functions.

A computation is written once, as tensor expressions; a schedule says how its
loops run; build makes a function that takes NumPy arrays. See README.md.
"""
from ._tc import (
    Arg, Axis, BadLine, Error, Expr, Function, Intrinsic, Log, NDArray, OutputCheck, Progress, Record, ReduceAxis, Schedule, Stage, Step, Target, TaskStats,
    Tensor, TuneResult, Workload, Write, __version__, abs, build, cast, ceil, compute, const, cos, empty, erf, evaluate, exp, floor, from_dlpack,
    if_then_else, interpret, log, max, min, num_threads, placeholder, pow, prod, reduce_axis, reduce_tuple, round, rsqrt, select,
    set_num_threads, sigmoid, sin, sqrt, sum, tanh, tune, workload, workload_help,
)
from . import op

__all__ = [
    "Arg", "Axis", "BadLine", "Error", "Expr", "Function", "Intrinsic", "Log", "NDArray", "OutputCheck", "Progress", "Record", "ReduceAxis", "Schedule", "Stage",
    "Step", "Target", "TaskStats", "Tensor", "TuneResult", "Workload", "Write", "__version__", "abs", "build", "cast", "ceil", "compute", "const", "cos",
    "empty", "erf", "evaluate", "exp", "floor", "from_dlpack", "if_then_else", "interpret", "log", "max", "min", "num_threads", "op",
    "placeholder", "pow", "prod", "reduce_axis", "reduce_tuple", "round", "rsqrt", "select", "set_num_threads", "sigmoid", "sin", "sqrt", "sum",
    "tanh", "tune", "workload", "workload_help",
]
