"""What options say of themselves is what the verbs take."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest
import typer
from typer.main import get_command

from nas_kd.cli.app import app
from nas_kd.cli.device_options import tell_where_latency_counts
from nas_kd.cli.distill import distill
from nas_kd.cli.export import export
from nas_kd.cli.pretrain import pretrain
from nas_kd.cli.profile import profile
from nas_kd.cli.search import search
from nas_kd.costs import DeviceProfile
from nas_kd.costs.cores import find_cores
from nas_kd.data.load import SOURCES
from nas_kd.data.text.corpus import _KINDS as TEXTS
from nas_kd.teachers.language import _KINDS as LANGUAGE_TEACHERS
from nas_kd.teachers.load import _MODELS as TEACHERS


@pytest.mark.parametrize("verb", [pretrain, distill])
@pytest.mark.parametrize(
    ("option", "of_images", "of_text"),
    [("data", SOURCES, TEXTS), ("teacher", TEACHERS, LANGUAGE_TEACHERS)],
)
def test_verbs_for_images_and_text_name_the_sources_of_both(
    verb: Any, option: str, of_images: Any, of_text: Any
) -> None:
    (told,) = get_type_hints(verb, include_extras=True)[option].__metadata__
    images, _, text = told.help.partition("ext: ")
    assert [kind for kind in of_images if kind not in images] == []
    assert [kind for kind in of_text if f"{kind}:" not in text] == []
    assert "package.module:factory" in images
    assert "package.module:factory" not in text
    assert "timm" not in text


def test_how_images_are_fitted_is_told() -> None:
    (told,) = get_type_hints(search, include_extras=True)["image_size"].__metadata__
    assert "shorter side scaled, centre cut out" in told.help


def test_the_task_says_how_tables_without_a_header_are_read() -> None:
    (_, told) = get_args(get_type_hints(distill, include_extras=True)["task"])
    assert "&header=false" in told.help


@pytest.mark.parametrize("verb", [search, profile, distill, export])
def test_device_and_threads_tell_their_defaults(verb: Any) -> None:
    hints = get_type_hints(verb, include_extras=True)
    told = [hints[option].__metadata__[0].help for option in ("device", "threads")]
    assert "else cpu]" in told[0]
    assert "else 1]" in told[1]


@pytest.mark.parametrize("verb", ["search", "profile", "distill", "export"])
def test_threads_may_be_all(verb: str) -> None:
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]  # a group of verbs
    arguments = [] if verb in ("search", "profile") else ["student"]

    def threads(text: str) -> object:
        return command.make_context(verb, [*arguments, "--threads", text]).params["threads"]

    assert threads("2") == 2
    assert threads("all") == find_cores().all_threads
    with pytest.raises(typer.BadParameter, match="neither a whole number"):
        threads("0")


def test_where_latency_counts_is_told_where_it_is_limited() -> None:
    told: list[str] = []
    tell_where_latency_counts(["macs=50%"], DeviceProfile(), told.append)
    assert told == []
    tell_where_latency_counts(["latency=5ms"], DeviceProfile(), told.append)
    tell_where_latency_counts(["latency=5ms"], DeviceProfile("cpu", 4, 8), told.append)
    assert told == [
        "Latency counts on cpu-1t, batch 1.",
        "Latency counts on cpu-4t, batch 8.",
    ]
