"""The operator library: functions from tensors to tensors."""
from ._tc import op as _op

__all__ = [name for name in dir(_op) if not name.startswith("_")]
globals().update({name: getattr(_op, name) for name in __all__})
