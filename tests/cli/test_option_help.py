"""What options say of themselves is what the verbs take."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest

from nas_kd.cli.distill import distill
from nas_kd.cli.pretrain import pretrain
from nas_kd.cli.search import search
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
