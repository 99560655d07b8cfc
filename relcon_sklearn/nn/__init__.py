"""Torch modules and losses, which do not depend on scikit-learn or skorch.

Modules accept signals in torch's layout, (n, n_channels, n_timesteps).
"""

from ._heads import HeadedEncoder, make_head, without_gradients
from ._loss import ranking_likelihood_loss, relative_contrastive_loss
from ._motif_attention import CandidateFeatures, MotifCrossAttention, squared_error
from ._motif_ranking import encode_in_chunks, motif_distances
from ._pulse_ppg import PulsePPGEncoder
from ._resnet import ResNet1D
from ._revin import RevIN
from ._sparsemax import sparsemax

__all__ = [
    "CandidateFeatures",
    "HeadedEncoder",
    "MotifCrossAttention",
    "PulsePPGEncoder",
    "ResNet1D",
    "RevIN",
    "encode_in_chunks",
    "make_head",
    "motif_distances",
    "ranking_likelihood_loss",
    "relative_contrastive_loss",
    "sparsemax",
    "squared_error",
    "without_gradients",
]
