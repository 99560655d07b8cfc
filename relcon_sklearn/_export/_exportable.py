"""The method that exports the network of an estimator."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .._utils._atomic import write_atomically
from .._utils._text import shortened
from .._version import __version__
from ._parity import TOLERANCES, check_parity

if TYPE_CHECKING:
    from ._formats import Format

# Number of time steps to trace if that of the training is not known.
_N_TIMESTEPS = 128


class Exportable:
    """Mixin for estimators whose network can be exported.

    Subclasses say what follows the encoder (:meth:`_export_head`), and which of their methods the
    network is (`_exported_method`), with which output (`_exported_output`).
    """

    _exported_method: str
    _exported_output: str

    def export(self, path: str | os.PathLike, *, format: str | None = None, dtype: str = "float32"):
        """Export the network to a file that runs without this package.

        The input of the network, ``segments``, is float32 of shape
        (n_segments, n_timesteps, n_channels), in g, and contiguous. Both the number of segments and
        the number of time steps may vary. 2-D input is not supported, and input is not checked. The
        output is float32: ``embeddings``, as :meth:`RelConEmbedder.transform` returns them, or
        ``probabilities``, as :meth:`RelConClassifier.predict_proba` does, or ``values`` on the
        scale of the targets, as :meth:`RelConRegressor.predict` does.

        The file is written after its outputs were compared with those of the estimator, in float32,
        at five numbers of time steps, for one and for three segments. They may differ by 1e-5
        of the largest output with float32, and by 5e-3 with float16.

        The metadata of the file say what it is: ``kind`` (the class of the estimator),
        ``relcon_sklearn`` (its version), ``dtype``, ``units`` ("g"), ``n_channels``, and, if they
        are known, ``sampling_rate`` in Hz, ``n_timesteps`` of the training segments, ``classes`` in
        the order of the probabilities, and ``card``, the model card.

        Encoders of your own must compute the same for any number of segments and time steps. The
        encoder "pulse-ppg" cannot be exported: torch takes the lengths within it for constants.

        An exported file cannot be loaded again as an estimator. See :meth:`save` for that, and
        :doc:`/guide/ship` for how to run the file.

        Parameters
        ----------
        path : str or path-like
            The file, in an existing folder. An existing file is replaced in one step. A leading
            ``~`` is the home folder.
        format : {"onnx", "pt2"} or None, default=None
            Format of the file. "onnx" is for onnxruntime and needs
            ``pip install relcon_sklearn[export]``. "pt2" is a program of ``torch.export``, for
            torch, ExecuTorch and Core ML. If None, it is the suffix of `path`.
        dtype : {"float32", "float16"}, default="float32"
            Type of the weights and computations of the encoder. With "float16", the file has half
            the size. The head, the input and the output are float32.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ImportError
            If a package is missing.
        ValueError
            If `format` or `dtype` is unknown, if torch cannot export the encoder, or if the outputs
            of the exported network differ from those of the estimator. No file is written.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import torch
        >>> from relcon_sklearn import RelConEmbedder
        >>> from relcon_sklearn.datasets import make_motion
        >>> embedder = RelConEmbedder.from_pretrained("motion-small")
        >>> path = Path(tempfile.mkdtemp()) / "wrist.pt2"
        >>> embedder.export(path)
        >>> network = torch.export.load(path).module()
        >>> X, *_ = make_motion(10, n_timesteps=100, sampling_rate=50, random_state=0)
        >>> network(torch.from_numpy(X)).shape
        torch.Size([10, 448])
        """
        from ._formats import FORMATS  # imports torch.export

        check_is_fitted(self)
        path = Path(os.path.expanduser(path))
        name = path.suffix.lower().lstrip(".") if format is None else format
        if name not in FORMATS:
            what = f"The suffix of {path}" if format is None else f"format={format!r}"
            raise ValueError(f"{what} is not a known format. Pass format='onnx' or format='pt2'.")
        if dtype not in TOLERANCES:
            raise ValueError(f"dtype={dtype!r} is not supported. Pass 'float32' or 'float16'.")
        FORMATS[name].require()
        write_atomically(path, self._exported(FORMATS[name], dtype))

    def _exported(self, format: Format, dtype: str) -> bytes:
        """Return the content of an exported file, which was checked."""
        from ._network import ExportedNetwork, program_of

        n_timesteps = getattr(self, "_n_timesteps_in", _N_TIMESTEPS)
        sizes = n_timesteps, self.n_channels_in_
        model = _on_cpu(self)
        network = ExportedNetwork(model.encoder_, model._export_head(), getattr(torch, dtype))
        metadata = {**self._export_metadata(), "dtype": dtype}
        try:
            program = program_of(network, *sizes)
            content = format.encode(program, self._exported_output, metadata)
        except Exception as error:  # of any library that takes part
            raise ValueError(
                f"torch cannot export encoder={self.encoder!r}. The computation of an "
                "exported encoder must be the same for any number of segments and time steps, and "
                "must not depend on their values. The reason: "
                f"{type(error).__name__}: {shortened(str(error), 1000)}"
            ) from error
        reference = getattr(_on_cpu(self), self._exported_method)
        try:
            check_parity(format.load(content), reference, *sizes, TOLERANCES[dtype])
        except ValueError as error:
            raise ValueError(
                f"The exported network is not the same as {self._exported_method} of this "
                f"{type(self).__name__}, and was not written: {error}."
            ) from error
        return content

    def _export_head(self) -> nn.Module:
        """Return a module that maps embeddings to the output."""
        raise NotImplementedError

    def _export_metadata(self) -> dict[str, Any]:
        """Return what the file says about itself. Values that are not known are left out."""
        metadata = {
            "kind": type(self).__name__,
            "relcon_sklearn": __version__,
            "units": "g",
            "n_channels": self.n_channels_in_,
            "sampling_rate": getattr(self, "sampling_rate_", None),
            "n_timesteps": getattr(self, "_n_timesteps_in", None),
            "card": getattr(self, "card_", None),
        }
        return {key: value for key, value in metadata.items() if value is not None}


def _on_cpu(model):
    """Return a copy of a fitted estimator, with modules of its own, that computes in float32.

    It does not compare the magnitudes and the length of segments with those of the training.
    """
    model = copy.copy(model)  # as pickling does, which packs the modules
    model._magnitudes = None
    vars(model).pop("_n_timesteps_in", None)
    return model.set_params(
        device="cpu", precision="float32", verbose=0, n_channels=model.n_channels_in_
    )
