"""Training a SuperLM: one teacher forward a batch, exact resume, and what the parts do."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nas_kd.errors import NotFiniteError, UsageError
from nas_kd.training.batches import mixed_seed
from nas_kd.training.language import Moment, StateObjective, imitation_loss
from nas_kd.training.pretraining import (
    METHODS,
    Job,
    PretrainingFolder,
    load_supernet,
    parse_settings,
    pretrain,
)
from nas_kd.training.superlm import STRATEGIES, Chooser, SuperLMSettings, training_text
from nas_kd.training.superlm import session as session_module
from nas_kd.training.superlm.session import SuperLMSession
from search_spaces import create_space
from search_spaces.supernets import SuperLM, states_of
from tests.data.text.words import word_tokenizer
from tests.training.language_models import (
    WORDS,
    on_cpu,
    save_teacher,
    save_text,
    small_bert,
    small_llama,
    small_space,
)

FEW = ("epochs=1", "batch_size=8", "max_tokens=12", "unit_steps=4", "learning_rate=0.001")


def _job(folder: Path, method: str = "autodistil", *settings: str, **changes: Any) -> Job:
    given = {
        "space": create_space("autodistil-tiny"),  # of BERT-base: the method cuts it anew
        "settings": parse_settings(METHODS.get(method), (*FEW, *settings)),
        "data": save_text(folder / "text.txt", 70),
        "teacher": save_teacher(folder / "teacher"),
        "checkpoint": None,
        "image_size": None,
        "seed": 0,
        "accelerator": on_cpu(),
    }
    return Job(**{**given, **changes})


def _session(job: Job, method: str = "autodistil") -> SuperLMSession:
    session = METHODS.get(method).start(job)
    assert isinstance(session, SuperLMSession)
    return session


SUPERLM = [name for name, method in METHODS.items() if "autodistil-tiny" in method.spaces]


@pytest.mark.parametrize("method", SUPERLM)
def test_students_come_nearer_to_the_teacher(tmp_path: Path, method: str) -> None:
    session = _session(_job(tmp_path, method, "epochs=2", "distillers=autodistil_kl"), method)
    rows = [session.run_unit() for _ in range(session.total)]
    assert rows[-1]["held_out_middle"] < rows[0]["held_out_middle"]
    assert any(name.startswith("loss_") for name in rows[0])
    assert "middle" in session.best()


@pytest.mark.parametrize(
    "distillers", ["minilm_v2", "autodistil_mse", "autodistil_kl", "last_hidden,autodistil_mse"]
)
def test_each_loss_of_a_step_is_the_distillers(tmp_path: Path, distillers: str) -> None:
    """Of the student by itself, and of the teacher as it was saved: one step on the whole text."""
    job = _job(tmp_path, "autodistil", f"distillers={distillers}", "batch_size=100", "dropout=0")
    session, settings = _session(job), job.settings
    teacher = small_bert()
    train, _ = training_text(job.data, word_tokenizer(WORDS), settings, job.seed)
    objective = StateObjective(distillers, teacher, job.accelerator)
    space = session.superlm.space
    chosen = Chooser(STRATEGIES[0], space, count=2, seed=mixed_seed(job.seed, 2))(Moment(0, 1))
    wanted = {}
    for role, arch in chosen:
        student = session.superlm.extract(arch)
        fit = objective.make_fit(space.shape(arch).hidden)
        wanted[f"loss_{role}"] = imitation_loss(student, train, objective, fit=fit)
    row = session.run_unit()
    assert len(wanted) == 4
    assert wanted == pytest.approx({name: row[name] for name in wanted}, rel=1e-5)
    assert len(set(wanted.values())) == 4


def test_the_teacher_runs_once_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas_kd.training.language import state_objective

    calls: list[int] = []

    def counted(model: Any, batch: Any, **asked: bool) -> Any:
        calls.append(len(batch["input_ids"]))
        return states_of(model, batch, **asked)

    monkeypatch.setattr(state_objective, "states_of", counted)
    session = _session(_job(tmp_path, "autodistil", "accumulate=2", "held_out=0.1"))
    session.run_unit()
    held_out = calls.pop()
    assert calls == [4] * 2 * 4  # two parts of four steps, whatever the number of students
    assert held_out > 1


def test_the_published_batch_goes_through_the_networks_in_parts() -> None:
    settings = SuperLMSettings()
    assert settings.batch_size == 2048
    assert settings.parts(settings.batch_size) == 64


def test_importance_is_found_on_the_device_of_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes exchange it, and those on GPUs exchange nothing that lies elsewhere."""
    found: list[torch.device] = []

    def put(teacher: Any, *given: object) -> None:
        found.append(teacher.device)
        raise KeyboardInterrupt

    monkeypatch.setattr(session_module, "put_important_first", put)
    elsewhere = SimpleNamespace(device=torch.device("meta"))
    with pytest.raises(KeyboardInterrupt):
        _session(_job(tmp_path, accelerator=elsewhere))
    assert found == [elsewhere.device]


@pytest.mark.parametrize("tied", [True, False])
def test_students_of_a_decoder_learn_to_write_as_it_does(tmp_path: Path, tied: bool) -> None:
    """Its head is trained where its logits are compared, and only there."""
    teacher = save_teacher(tmp_path / "decoder", small_llama(tie_word_embeddings=tied))
    space = create_space("autodistil-decoder")
    found = {}
    for distillers in ("autodistil_mse", "word_kd"):
        settings = ("epochs=3", "learning_rate=0.005", f"distillers={distillers}")
        session = _session(_job(tmp_path, "autodistil", *settings, space=space, teacher=teacher))
        before = session.superlm.model.lm_head.weight.clone()
        while session.total > len(found.setdefault(distillers, [])):
            found[distillers].append(session.run_unit())
        moved = not torch.equal(session.superlm.model.lm_head.weight, before)
        assert moved == (tied or distillers == "word_kd")
    last, first = found["word_kd"][-1], found["word_kd"][0]
    assert last["held_out_middle"] < 0.95 * first["held_out_middle"]
    assert last["held_out_smallest"] < first["held_out_smallest"]


def test_only_the_slices_that_were_trained_move(tmp_path: Path) -> None:
    session = _session(_job(tmp_path, "autodistil", "weight_decay=0"))
    before = {name: value.clone() for name, value in session.superlm.model.named_parameters()}
    session.run_unit()
    shape = session.superlm.space.shape(session.superlm.space.anchors()[0])
    after = dict(session.superlm.model.named_parameters())
    name = "encoder.layer.0.attention.self.query.weight"
    moved = (after[name] - before[name]) != 0
    assert moved[: shape.queries, : shape.hidden].any()
    assert not moved[shape.queries :].any()
    assert not moved[:, shape.hidden :].any()
    layers = session.superlm.kept_layers(session.superlm.space.anchors()[0])
    unused = next(n for n in range(4) if n not in layers)
    for name, value in after.items():
        if name.startswith(f"encoder.layer.{unused}."):
            assert torch.equal(value, before[name])


def test_a_training_that_is_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    method = METHODS.get("autodistil")
    results = []
    for name, kill in (("whole", None), ("killed", 1)):
        folder = PretrainingFolder(tmp_path / name)
        folder.path.mkdir()
        job = _job(tmp_path, "autodistil", "unit_steps=2", "distillers=last_hidden,autodistil_mse")
        if kill is not None:
            with pytest.raises(KeyboardInterrupt):
                pretrain(method, job, folder, _interrupt_after(kill))
        pretrain(method, job, folder, lambda *told: None)
        weights = (folder.path / "superlm" / "model.safetensors").read_bytes()
        metrics = [line.rpartition(",")[0] for line in folder.metrics_csv.read_text().splitlines()]
        results.append((weights, metrics))
    assert results[0] == results[1]


def test_a_training_does_not_go_on_with_other_text(tmp_path: Path) -> None:
    method, folder = METHODS.get("autodistil"), PretrainingFolder(tmp_path / "run")
    folder.path.mkdir()
    with pytest.raises(KeyboardInterrupt):
        pretrain(method, _job(tmp_path), folder, _interrupt_after(1))
    job = _job(tmp_path)
    save_text(tmp_path / "text.txt", 71)
    with pytest.raises(UsageError, match="other tokens than when this training began"):
        pretrain(method, job, folder, lambda *told: None)
    pretrain(method, _job(tmp_path), folder, lambda *told: None)
    assert len((folder.facts() or {})["text_sha256"]) == 64


def test_a_state_that_does_not_tell_its_text_is_taken_up(tmp_path: Path) -> None:
    begun = _session(_job(tmp_path))
    begun.run_unit()
    state = begun.state()
    del state["text_sha256"]
    resumed = _session(_job(tmp_path))
    resumed.load(state)
    assert resumed.best() == begun.best()


def test_a_finished_supernet_computes_what_was_trained(tmp_path: Path) -> None:
    folder = PretrainingFolder(tmp_path / "run")
    job = _job(tmp_path)
    folder.claim(
        {
            "method": "autodistil",
            "space": "autodistil-tiny",
            "space_options": {},
            "settings": vars(job.settings),
        }
    )
    session = _session(job)
    for _ in range(session.total):
        session.run_unit()
    folder.write_facts(session.save(folder.path))
    found = load_supernet(folder.path)
    assert isinstance(found, SuperLM)
    arch = found.space.anchors()[1]
    assert found.space.teacher == small_space().teacher
    batch = {"input_ids": torch.tensor([[2, 8, 9, 3]])}
    expected = session.superlm(batch, arch).states.hidden[-1]
    assert torch.equal(found(batch, arch).states.hidden[-1], expected)


@pytest.mark.parametrize(
    ("settings", "changes", "message"),
    [
        (("distillers=kd",), {}, "kd needs logits"),
        (("distillers=no_such",), {}, "there is no 'no_such'"),
        ((), {"teacher": None}, "name it with --teacher"),
        ((), {"teacher": "timm:resnet18"}, "there is no 'timm'"),
        ((), {"teacher": "package:no_such_package"}, "no installed package"),
        ((), {"image_size": 32}, "no image size"),
        ((), {"space": create_space("nasbench201")}, "no language models"),
        ((), {"data": "digits"}, "there is no 'digits'"),
        (("depth=last",), {}, "no depth rule 'last'"),
        (("max_tokens=64", "importance=activation"), {}, "do not fit into 32 positions"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, settings: tuple[str, ...], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        _session(_job(tmp_path, "autodistil", *settings, **changes)).run_unit()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("distillers=minilm_v1",), "students with 5, 6, 7 and the teacher has 8"),
        (("distillers=last_hidden,tinybert",), "tinybert compares heads one by one"),
        (("distillers=minilm_v2", "relation_heads=16"), "40, 56 does not .* to 8 or a divisor"),
        (("distillers=minilm_v2", "teacher_layer=5"), "layer 5 of the teacher, which has 4"),
        (("relation_heads=41",), "splits a width of 40 into 41"),
        (("teacher_layer=2",), "teacher_layer changes nothing with the distillers autodistil_mse"),
        (("distillers=last_hidden", "interleaved=true"), "interleaved changes nothing"),
        (("distillers=autodistil_mse,word_kd",), "word_kd compares what a head says"),
    ],
)
def test_students_that_cannot_be_compared_are_refused_before_any_text_is_read(
    tmp_path: Path, settings: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        _session(_job(tmp_path, "autodistil", *settings, data="text:nowhere"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 384, "layers": 4}, "cut from hidden=384, and the teacher has hidden=64"),
        ({"heads": 12, "inner": 0}, "cut from heads=12, and the teacher has heads=8"),
    ],
)
def test_sizes_of_another_teacher_are_refused(
    tmp_path: Path, options: dict[str, int], message: str
) -> None:
    space = create_space("autodistil-tiny", **options)
    with pytest.raises(UsageError, match=message):
        _session(_job(tmp_path, space=space, space_options=options))


def test_a_loss_that_explodes_is_told(tmp_path: Path) -> None:
    session = _session(_job(tmp_path, "autodistil", "learning_rate=1e30"))
    with pytest.raises(NotFiniteError, match="no longer finite"):
        session.run_unit()


def _interrupt_after(units: int) -> Any:
    def told(done: int, total: int, best: str) -> None:
        if done == units:
            raise KeyboardInterrupt

    return told
