"""The downstream benchmark: RelCon and its baselines on recordings of unseen people."""
