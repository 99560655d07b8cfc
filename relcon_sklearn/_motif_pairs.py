"""What a fitted motif distance says about pairs of segments."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from ._utils._arrays import as_array
from ._utils._memory_advice import advises_on_memory
from ._utils._progress import progress_bar
from .nn import CandidateFeatures, MotifCrossAttention, encode_in_chunks, motif_distances
from .segments._array import SegmentArray

# Float32 segments handled at once, next to some 150 times as much for a candidate's features.
_BLOCK_BYTES = 2**21

# Attention weights that explaining a block of pairs may take.
_EXPLAIN_BYTES = 2**26


class PairComparison:
    """Methods of :class:`LearnedMotifDistance` that compare anchors with candidates."""

    def pairwise(self, X_anchor, X_candidate=None):
        """Return the distance of every anchor from every candidate.

        Parameters
        ----------
        X_anchor : array-like of shape (n_anchors, n_timesteps, n_channels)
            Segments to be rebuilt.
        X_candidate : array-like of shape (n_candidates, n_candidate_timesteps, n_channels) \
                or None, default=None
            Segments to rebuild them from; None takes the anchors.

        Returns
        -------
        distances : ndarray of shape (n_anchors, n_candidates)
            Float32. Not symmetric, and not zero on the diagonal.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If the segments cannot be used, have another number of channels than in training, or
            hold NaN or infinity.
        """
        check_is_fitted(self)
        anchors = self._check_segments(X_anchor, reset=False, name="X_anchor")
        if X_candidate is None:
            return self._pairwise(anchors, anchors)
        candidates = self._check_segments(X_candidate, reset=False, name="X_candidate")
        return self._pairwise(anchors, candidates)

    def reconstruct(self, anchor, candidate):
        """Rebuild anchors from candidates, pair by pair.

        Parameters
        ----------
        anchor : array-like of shape (n_timesteps, n_channels) or (n, n_timesteps, n_channels)
            Segment(s) to be rebuilt.
        candidate : array-like of shape (n_candidate_timesteps, n_channels) or \
                (n, n_candidate_timesteps, n_channels)
            Segment(s) to rebuild them from, as many as there are anchors.

        Returns
        -------
        reconstruction : ndarray of the shape of `anchor`
            Float32, in the units of the data. ``((reconstruction - anchor) ** 2).sum()`` is the
            distance.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If the segments cannot be used, or there are not as many candidates as anchors.

        Examples
        --------
        >>> import numpy as np
        >>> from relcon_sklearn import LearnedMotifDistance
        >>> from relcon_sklearn.datasets import make_motion
        >>> X, y, subjects, *_ = make_motion(60, n_subjects=3, n_timesteps=64, random_state=0)
        >>> distance = LearnedMotifDistance(embed_dim=8, max_epochs=1, random_state=0)
        >>> rebuilt = distance.fit(X, groups=subjects).reconstruct(X[0], X[1])
        >>> d = distance.pairwise(X[:1], X[1:2])[0, 0]
        >>> bool(np.isclose(((rebuilt - X[0]) ** 2).sum(), d, rtol=1e-4))
        True
        """
        return self._explain(anchor, candidate, lambda a, c: self.net_(a, c).transpose(1, 2))

    def attention_map(self, anchor, candidate):
        """Return which time steps of the candidate each time step of the anchor is built from.

        Parameters
        ----------
        anchor, candidate : array-like
            As in :meth:`reconstruct`.

        Returns
        -------
        weights : ndarray of shape (n_timesteps, n_candidate_timesteps) or \
                (n, n_timesteps, n_candidate_timesteps)
            Float32; each row is non-negative and sums to one.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        ValueError
            If the segments cannot be used, or there are not as many candidates as anchors.
        """
        return self._explain(anchor, candidate, lambda a, c: self.net_.attention_map(a, c))

    @advises_on_memory("comparing pairs")
    def _pairwise(self, anchors: SegmentArray, candidates: SegmentArray) -> np.ndarray:
        net, device = self.net_.to(self._device()), self._device()
        distances = np.empty((len(anchors), len(candidates)), dtype=np.float32)
        with progress_bar(distances.size, "distances", "pairs", shown=self.verbose > 0) as bar:
            for columns in candidates.chunks(_BLOCK_BYTES):
                features = encode_in_chunks(net, _read(candidates, columns, device))
                for rows in anchors.chunks(_BLOCK_BYTES):
                    block = _block(net, _read(anchors, rows, device), features)
                    distances[np.ix_(rows, columns)] = block.cpu().numpy()
                    bar.update(block.numel())
        return distances

    @advises_on_memory("comparing pairs")
    def _explain(self, anchor, candidate, function) -> np.ndarray:
        """Apply `function` to pairs of anchors and candidates, a block at a time."""
        check_is_fitted(self)
        given = {
            name: as_array(value, name, ensure_2d=False, allow_nd=True, ensure_all_finite=False)
            for name, value in (("anchor", anchor), ("candidate", candidate))
        }
        single = given["anchor"].ndim == 2
        pair = []
        for name, value in given.items():
            if value.ndim != 3 - single:
                raise ValueError(
                    f"{name} has shape {value.shape}; expected (n_timesteps, n_channels) or "
                    "(n, n_timesteps, n_channels), alike for anchor and candidate."
                )
            value = value[None] if single else value
            pair.append(self._check_segments(value, reset=False, name=name))
        anchors, candidates = pair
        if len(anchors) != len(candidates):
            raise ValueError(
                f"anchor has {len(anchors)} segments, but candidate has {len(candidates)}: they "
                "are taken pair by pair."
            )
        device = self._device()
        self.net_.to(device)
        # The attention of a pair takes n_candidate_timesteps values for each of the anchor's.
        n_bytes = max(1, _EXPLAIN_BYTES // candidates.shape[1])
        with torch.inference_mode():
            blocks = [
                function(_read(anchors, rows, device), _read(candidates, rows, device))
                .cpu()
                .numpy()
                for rows in anchors.chunks(n_bytes)
            ]
        result = np.concatenate(blocks)
        return result[0] if single else result


def _read(array: SegmentArray, rows: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(array.read(rows)).transpose(1, 2).to(device)


def _block(
    net: MotifCrossAttention, anchors: torch.Tensor, candidates: CandidateFeatures
) -> torch.Tensor:
    """Return the distances of all anchors from all candidates."""
    n_candidates = len(candidates.key)
    index = torch.arange(n_candidates, device=anchors.device).expand(len(anchors), n_candidates)
    return motif_distances(net, anchors, candidates, index)
