"""Displays in the style of scikit-learn's: what a distance sees, and what an encoder learned.

Each has class methods ``from_...`` that compute and draw, and :meth:`plot`, which draws again, on
axes of your own. They need matplotlib, which is imported when something is drawn.
"""

from ._candidate_ranking import CandidateRankingDisplay
from ._embedding_map import EmbeddingMapDisplay
from ._model_comparison import ModelComparisonDisplay
from ._motif_match import MotifMatchDisplay
from ._relative_similarity import RelativeSimilarityDisplay
from ._training_curve import TrainingCurveDisplay

__all__ = [
    "CandidateRankingDisplay",
    "EmbeddingMapDisplay",
    "ModelComparisonDisplay",
    "MotifMatchDisplay",
    "RelativeSimilarityDisplay",
    "TrainingCurveDisplay",
]
