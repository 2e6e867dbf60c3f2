"""A trained elastic supernet back from its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces import Task, create_space

if TYPE_CHECKING:
    from search_spaces.supernets.elastic import ElasticSupernet


def restore_supernet(folder: Path, facts: Mapping[str, Any]) -> ElasticSupernet:
    """The supernet that `save_supernet` wrote, in eval mode.

    Raises:
        UsageError: Its file is missing or damaged.
    """
    from nas_kd.teachers import load_weights
    from nas_kd.training.elastic.start import elastic

    space = elastic(create_space(facts["space"], **facts["space_options"]))
    supernet = space.supernet(Task(**facts["task"]), scaled=facts["scaled"])
    load_weights(supernet, folder / facts["weights"])
    return supernet.eval()
