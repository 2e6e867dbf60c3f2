"""The file that a run delivered, which the manifest's latency and accuracy are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nas_kd.cli.student_folders import belongs
from nas_kd.errors import UsageError

if TYPE_CHECKING:
    from nas_kd.costs import DeviceProfile


def require_delivery_kept(
    directory: Path,
    onnx: Path,
    precisions: Sequence[str],
    *,
    data: str | None,
    profile: DeviceProfile | None,
) -> None:
    """Makes sure that an int8 or fp16 file that was delivered is replaced only by its like.

    Args:
        directory: The student's.
        onnx: The float32 file that is to be written.
        precisions: In which it is to be written too.
        data: Those that the user names; None for those of the student's run.
        profile: Where latency is to be measured; None where no other precision is wanted.

    Raises:
        UsageError: It would become a float32 file, or one for another device or from other data
            than those of the student's run.
    """
    from nas_kd.cli.student_data import profile_of, recipe_of
    from nas_kd.export import delivered_onnx, precision_file
    from nas_kd.export.file_names import ONNX

    delivered = delivered_onnx(directory)
    if delivered.name == ONNX or not belongs(onnx, directory):
        return
    if onnx.name == delivered.name:
        raise _refusal(delivered, "it is not in float32")
    if delivered.name not in [precision_file(onnx, name).name for name in precisions]:
        return
    usual, recipe = profile_of(directory), recipe_of(directory)
    if profile != usual:
        raise _refusal(delivered, f"it was delivered for {usual}, and {profile} is asked for")
    if data is not None and (recipe is None or data != recipe.data.source):
        own = "no data that are known" if recipe is None else recipe.data.source
        raise _refusal(delivered, f"it was delivered on {own}, and {data} is asked for")


def _refusal(delivered: Path, why: str) -> UsageError:
    return UsageError(
        f"export: {delivered} is the file that the run delivered: {why}. Name another place with "
        "--output, for example --output export/student.onnx."
    )
