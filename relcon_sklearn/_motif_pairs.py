"""Methods of a fitted motif distance that compare pairs of segments."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from ._utils._arrays import as_array
from ._utils._memory_advice import advises_on_memory
from ._utils._precision import check_precision
from ._utils._progress import progress_bar
from .nn import CandidateFeatures, MotifCrossAttention, encode_in_chunks, motif_distances
from .segments._array import SegmentArray
from .segments._sampling_rate import check_rate, rate_of

# Size of a block of segments in float32. The features of candidates take about 150 times as much.
_BLOCK_BYTES = 2**21

# Limit for the attention weights of a block of pairs.
_ATTENTION_BYTES = 2**26


class PairComparison:
    """Methods of :class:`LearnedMotifDistance` that compare anchors with candidates."""

    def pairwise(self, X_anchor, X_candidate=None):
        """Return the distance of every anchor from every candidate.

        Parameters
        ----------
        X_anchor : array-like of shape (n_anchors, n_timesteps, n_channels)
            Segments to reconstruct.
        X_candidate : array-like of shape (n_candidates, n_candidate_timesteps, n_channels) \
                or None, default=None
            Segments to reconstruct them from. If None, the anchors are used.

        Returns
        -------
        distances : ndarray of shape (n_anchors, n_candidates)
            Float32 distances. The matrix of all distances within a set of segments is not symmetric
            and its diagonal is not zero.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the segments cannot be used, have another number of channels or another sampling rate
            than in training, or contain NaN or infinity.

        Warns
        -----
        UserWarning
            If the median magnitude of segments is far from the training.
        """
        check_is_fitted(self)
        anchors = self._check_segments(X_anchor, reset=False, name="X_anchor")
        if X_candidate is None:
            return self._pairwise(anchors, anchors)
        candidates = self._check_segments(X_candidate, reset=False, name="X_candidate")
        return self._pairwise(anchors, candidates)

    def reconstruct(self, anchor, candidate):
        """Reconstruct each anchor from the candidate of the same row.

        Parameters
        ----------
        anchor : array-like of shape (n_timesteps, n_channels) or (n, n_timesteps, n_channels)
            Segment or segments to reconstruct.
        candidate : array-like of shape (n_candidate_timesteps, n_channels) or \
                (n, n_candidate_timesteps, n_channels)
            Segment or segments to reconstruct them from, one for each anchor.

        Returns
        -------
        reconstruction : ndarray of the same shape as `anchor`
            Float32 reconstruction, in the units of the data. The distance is
            ``((reconstruction - anchor) ** 2).sum()``.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the segments cannot be used, or if the numbers of anchors and candidates differ.

        Examples
        --------
        >>> import numpy as np
        >>> from relcon_sklearn import LearnedMotifDistance
        >>> from relcon_sklearn.datasets import make_motion
        >>> X, y, subjects, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
        >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=1, random_state=0)
        >>> reconstruction = distance.fit(X, groups=subjects).reconstruct(X[0], X[1])
        >>> d = distance.pairwise(X[:1], X[1:2])[0, 0]
        >>> bool(np.isclose(((reconstruction - X[0]) ** 2).sum(), d, rtol=1e-4))
        True
        """
        return self._apply_to_pairs(anchor, candidate, lambda a, c: self.net_(a, c).transpose(1, 2))

    def attention_map(self, anchor, candidate):
        """Return the weights of the candidate's time steps for each time step of the anchor.

        Parameters
        ----------
        anchor, candidate : array-like
            Segments, as in :meth:`reconstruct`.

        Returns
        -------
        weights : ndarray of shape (n_timesteps, n_candidate_timesteps) or \
                (n, n_timesteps, n_candidate_timesteps)
            Float32 attention weights. Each row is non-negative and sums to one.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If the segments cannot be used, or if the numbers of anchors and candidates differ.
        """
        return self._apply_to_pairs(anchor, candidate, lambda a, c: self.net_.attention_map(a, c))

    @advises_on_memory("comparing pairs")
    def _pairwise(self, anchors: SegmentArray, candidates: SegmentArray) -> np.ndarray:
        check_precision(self.precision)
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        net, device = self.net_.to(self._device()), self._device()
        distances = np.empty((len(anchors), len(candidates)), dtype=np.float32)
        with progress_bar(distances.size, "distances", "pairs", shown=self.verbose > 0) as bar:
            for columns in candidates.chunks(_BLOCK_BYTES):
                signals = _read_signals(candidates, columns, device)
                features = encode_in_chunks(net, signals, dtype)
                for rows in anchors.chunks(_BLOCK_BYTES):
                    block = _all_distances(net, _read_signals(anchors, rows, device), features)
                    distances[np.ix_(rows, columns)] = block.cpu().numpy()
                    bar.update(block.numel())
        return distances

    @advises_on_memory("comparing pairs")
    def _apply_to_pairs(self, anchor, candidate, function) -> np.ndarray:
        """Apply `function` to pairs of an anchor and a candidate, a block at a time."""
        check_is_fitted(self)
        model, trained = type(self).__name__, rate_of(self, "sampling_rate_")
        for name, value in (("anchor", anchor), ("candidate", candidate)):
            check_rate(rate_of(value), trained, name, model)  # conversion drops the attribute
        arrays = {
            name: as_array(value, name, ensure_2d=False, allow_nd=True, ensure_all_finite=False)
            for name, value in (("anchor", anchor), ("candidate", candidate))
        }
        single = arrays["anchor"].ndim == 2
        pair = []
        for name, value in arrays.items():
            if value.ndim != 3 - single:
                raise ValueError(
                    f"{name} has shape {value.shape}. Expected (n_timesteps, n_channels) or "
                    "(n, n_timesteps, n_channels), the same for anchor and candidate."
                )
            value = value[None] if single else value
            pair.append(self._check_segments(value, reset=False, name=name))
        anchors, candidates = pair
        if len(anchors) != len(candidates):
            raise ValueError(
                f"anchor has {len(anchors)} segments, but candidate has {len(candidates)}. Pass "
                "one candidate for each anchor."
            )
        device = self._device()
        self.net_.to(device)
        # The attention weights of a pair have n_timesteps x n_candidate_timesteps values.
        n_bytes = max(1, _ATTENTION_BYTES // candidates.shape[1])
        with torch.inference_mode():
            blocks = [
                function(
                    _read_signals(anchors, rows, device), _read_signals(candidates, rows, device)
                )
                .cpu()
                .numpy()
                for rows in anchors.chunks(n_bytes)
            ]
        result = np.concatenate(blocks)
        return result[0] if single else result


def _read_signals(array: SegmentArray, rows: np.ndarray, device: torch.device) -> torch.Tensor:
    """Read rows of segments as signals of shape (n, n_channels, n_timesteps)."""
    return torch.from_numpy(array.read(rows)).transpose(1, 2).to(device)


def _all_distances(
    net: MotifCrossAttention, anchors: torch.Tensor, candidates: CandidateFeatures
) -> torch.Tensor:
    """Return the distances of all anchors from all candidates."""
    n_candidates = len(candidates.key)
    index = torch.arange(n_candidates, device=anchors.device).expand(len(anchors), n_candidates)
    return motif_distances(net, anchors, candidates, index)
