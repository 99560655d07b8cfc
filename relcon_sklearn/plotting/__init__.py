"""Displays of distances, embeddings, trainings and days, in the style of scikit-learn.

Each display has class methods ``from_...`` that compute and draw, and a method ``plot`` that draws
again, for example on other axes. Displays need matplotlib, which is imported when one is drawn.
"""

from ._candidate_ranking import CandidateRankingDisplay
from ._embedding_map import EmbeddingMapDisplay
from ._model_comparison import ModelComparisonDisplay
from ._motif_match import MotifMatchDisplay
from ._relative_similarity import RelativeSimilarityDisplay
from ._timeline import TimelineDisplay
from ._training_curve import TrainingCurveDisplay

__all__ = [
    "CandidateRankingDisplay",
    "EmbeddingMapDisplay",
    "ModelComparisonDisplay",
    "MotifMatchDisplay",
    "RelativeSimilarityDisplay",
    "TimelineDisplay",
    "TrainingCurveDisplay",
]
