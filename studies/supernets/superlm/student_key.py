"""Under what name something is kept of a student."""

from __future__ import annotations

import json

from search_spaces import Arch, TransformerSpace


def student_key(space: TransformerSpace, arch: Arch) -> str:
    """Tells a student from all others of its family and teacher.

    It holds its genes and all sizes that the space makes of them, so that nothing is taken for a
    student's where the same genes stood for others.
    """
    return json.dumps([arch.key, vars(space.shape(arch))])
