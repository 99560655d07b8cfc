"""Embeddings of stores of any size: computed shard by shard, and read as one array."""

from ._embed_store import embed_store
from ._embeddings import Embeddings, open_embeddings

__all__ = ["Embeddings", "embed_store", "open_embeddings"]
