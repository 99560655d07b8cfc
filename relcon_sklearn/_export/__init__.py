"""Networks as files for other runtimes: ONNX, and programs of ``torch.export``."""

from ._exportable import Exportable

__all__ = ["Exportable"]
