"""What a language model drops at random while it learns."""

from __future__ import annotations

from torch import nn


def dropouts(model: nn.Module) -> dict[str, tuple[nn.Module, str]]:
    """The parts of a model that drop something, by path, with the name of what says how much.

    These are dropout layers and, where attention is dropped without one, the attention.
    """
    named = (
        (path, part, "p" if isinstance(part, nn.Dropout) else "attention_dropout")
        for path, part in model.named_modules()
    )
    return {
        path: (part, name)
        for path, part, name in named
        if isinstance(getattr(part, name, None), int | float)
    }


def drop_alike(student: nn.Module, model: nn.Module) -> None:
    """Lets every part of a student drop as much as the part of the same path in its model does."""
    of_model = dropouts(model)
    for path, (part, name) in dropouts(student).items():
        whole, _ = of_model[path]
        setattr(part, name, getattr(whole, name))
