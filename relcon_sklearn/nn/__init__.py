"""Torch modules and losses. Knows neither scikit-learn nor skorch.

Modules take signals as torch does, (n, n_channels, n_timesteps).
"""

from ._heads import HEADS, HeadedEncoder, make_head, without_gradients
from ._loss import ranking_likelihood_loss, relative_contrastive_loss
from ._motif_attention import ATTENTIONS, CandidateFeatures, MotifCrossAttention, squared_error
from ._motif_ranking import encode_in_chunks, motif_distances
from ._presets import ENCODER_PRESETS, EncoderPreset, draws_globally, encoder_preset
from ._pulse_ppg import PulsePPGEncoder
from ._released import ReleasedNet, released_encoder, released_motif_attention
from ._resnet import ResNet1D
from ._revin import RevIN
from ._sparsemax import sparsemax
from ._threads import own_num_threads

__all__ = [
    "ATTENTIONS",
    "ENCODER_PRESETS",
    "HEADS",
    "CandidateFeatures",
    "EncoderPreset",
    "HeadedEncoder",
    "MotifCrossAttention",
    "PulsePPGEncoder",
    "ReleasedNet",
    "ResNet1D",
    "RevIN",
    "draws_globally",
    "encode_in_chunks",
    "encoder_preset",
    "make_head",
    "motif_distances",
    "own_num_threads",
    "ranking_likelihood_loss",
    "relative_contrastive_loss",
    "released_encoder",
    "released_motif_attention",
    "sparsemax",
    "squared_error",
    "without_gradients",
]
