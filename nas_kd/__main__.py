"""``python -m nas_kd`` is ``nas-kd``."""

from __future__ import annotations

import sys

from nas_kd.cli import main

sys.exit(main())
