"""bench_paper_protocol: the model is compared with what is not the model."""

import pytest

pytest.importorskip("tslearn")
from benchmarks.downstream.bench_paper_protocol import compare_ours


def test_the_model_is_compared_over_people_with_the_others():
    skill = {"model": 0.8, "untrained": 0.5, "features": 0.9, "model + features": 0.95}
    scores = {
        name: {"subjects": {f"s{i}": value + 0.001 * i for i in range(12)}}
        for name, value in skill.items()
    }
    found = compare_ours("model", scores)
    assert found.keys() == {"model", "model + features"}
    for name, ahead in (("model", 0), ("model + features", 12)):
        assert found[name].keys() == {"untrained", "features"}
        assert found[name]["features"]["ahead"] == ahead
        assert found[name]["untrained"]["ahead"] == 12
