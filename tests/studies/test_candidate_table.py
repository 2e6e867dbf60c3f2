from __future__ import annotations

from search_spaces import create_space
from studies.candidate_table import candidate_table
from studies.candidates import Candidate
from tests.studies.results import result_of

ARCHS = list(create_space("cifar-resnet").enumerate())


def test_a_proxy_leaves_the_cost_of_its_name_as_it_was_counted() -> None:
    candidates = [
        Candidate(arch, 10 + number, 5, {}, {"naswot": 1.0 + number, "macs": 77.0})
        for number, arch in enumerate(ARCHS[:3])
    ]
    table = candidate_table(result_of(candidates, ["naswot", "macs"]), {})
    assert table["macs"].tolist() == [10, 11, 12]
    assert table["naswot"].tolist() == [1.0, 2.0, 3.0]
