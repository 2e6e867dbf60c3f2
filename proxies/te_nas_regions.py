"""TE-NAS, second part: into how many linear regions the images of a batch fall."""

from __future__ import annotations

from proxies._probe import Probe
from proxies._proxy import Proxy


def te_nas_regions_score(student: Probe, teacher: Probe | None) -> float:
    """Number of images whose pattern of active units no earlier image of the batch has.

    It lies in [1, batch]. At the resolution of ordinary images nearly every network puts every
    image into a region of its own, and the score no longer tells students apart: it is meant for
    small inputs. Every call of every activation module counts; functional ones are invisible.

    TE-NAS ranks students by the sum of their ranks by this score and by ``te_nas_ntk``.

    Source: Chen, Gong and Wang, TE-NAS, ICLR 2021; Xiong et al., ICML 2020.
    """
    alike = student.activation_kernel  # (batch, batch)
    units = alike[0, 0]  # an image is like itself in all of them
    repeated = (alike == units).tril(-1).any(1)
    return float((~repeated).sum())


PROXY = Proxy(
    name="te_nas_regions",
    function=te_nas_regions_score,
    needs=frozenset({"relu"}),
    initialisation="default",
    source="TE-NAS, Chen, Gong & Wang, ICLR 2021, arXiv 2102.11535, expressivity",
    cost="forward",
    batch="images",
    deviation=(
        "on the given images, not on thousands of small ones; GELU, SiLU and alike count as ReLU "
        "does"
    ),
)
