"""Bad input of every kind: the right exit code, one message, nothing executed, nothing lost."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from nas_kd.cli.recipe_flags import resolve_recipe
from studies.recipe import Recipe
from studies.run_directory import RunDirectory
from tests.cli import bad_files
from tests.cli.conftest import Command

OWN = "tests.cli.own_code"
DIGITS = ["--teacher", f"{OWN}:make_teacher", "--data", "digits"]


def _search(*arguments: str) -> list[str]:
    return ["search", "--trials", "2", *arguments]


def _data(name: str, prefix: str = "npz:") -> list[str]:
    return _search("--data", f"{prefix}{{{name}}}", "--teacher", f"{OWN}:make_teacher")


def _checkpoint(name: str) -> list[str]:
    return _search(*DIGITS, "--checkpoint", f"{{{name}}}")


# What is wrong, command line ({name} is a file of `bad_files`), exit code, words of the message.
CASES: list[tuple[str, list[str], int, list[str]]] = [
    ("unknown verb", ["serch"], 2, ["serch", "Did you mean 'search'"]),
    ("unknown option", ["search", "--trails", "3"], 2, ["--trails", "--trials"]),
    ("trials not a number", ["search", "--trials", "many"], 2, ["--trials"]),
    ("no trials", ["search", "--trials", "0"], 2, ["--trials"]),
    ("negative seed", ["search", "--seed", "-1"], 2, ["--seed"]),
    ("seed too large", ["search", "--seed", str(2**32)], 2, ["--seed", str(2**32 - 1)]),
    ("a search nowhere", _search("--run-dir", ""), 2, ["--run-dir", "name is empty"]),
    ("a run nowhere", ["show", ""], 2, ["RUN", "name is empty"]),
    ("missing argument", ["measure"], 2, ["MODEL"]),
    ("unknown kind of list", ["list", "teachers"], 2, ["teachers", "spaces"]),
    ("unknown space", _search("--space", "nasbench21"), 2, ["nasbench21", "'nasbench201'"]),
    (
        "space of language models",
        _search("--space", "autodistil-tiny"),
        2,
        ["autodistil-tiny: its students read text", "nas-kd pretrain"],
    ),
    ("unknown space option", _search("--space-option", "chanels=8"), 2, ["chanels", "channels"]),
    ("space option no number", _search("--space-option", "channels=big"), 2, ["channels=16"]),
    ("space option out of range", _search("--space-option", "channels=0"), 2, ["channels"]),
    ("unknown proxy", _search("--proxies", "naswott"), 2, ["naswott", "'naswot'"]),
    ("empty proxy name", _search("--proxies", "naswot,,snip"), 2, ["--proxies", "empty"]),
    ("proxy named twice", _search("--proxies", "snip,snip"), 2, ["twice"]),
    ("unknown objective", _search("--objectives", "score,speed"), 2, ["speed"]),
    ("unknown sampler", _search("--sampler", "nsga3"), 2, ["nsga3", "'nsga2'"]),
    (
        "sampler of small spaces",
        _search("--space", "darts", "--sampler", "exhaustive"),
        2,
        ["exhaustive", "too many to go through", "nsga2"],
    ),
    ("start of no space", _search("--start-with", "|skip~0|"), 2, ["|skip~0|"]),
    (
        "more starts than trials",
        _search(*(3 * ["--start-with", '{"edge_0_1": "skip_connect"}'])),
        2,
        ["3 architectures", "2 trials", "--trials"],
    ),
    ("unknown recipe", _search("--config", "digit"), 2, ["digit", "'digits'"]),
    ("missing recipe file", _search("--config", "none.toml"), 2, ["none.toml"]),
    ("recipe is not TOML", _search("--config", "{not_toml.toml}"), 2, ["not valid TOML"]),
    ("recipe is binary", _search("--config", "{binary.toml}"), 2, ["cannot be read"]),
    ("unknown setting", ["search", "--config", "{unknown_key.toml}"], 2, ["'search.trials'"]),
    ("unknown section", ["search", "--config", "{unknown_section.toml}"], 2, ["'search'"]),
    ("setting of wrong type", ["search", "--config", "{wrong_type.toml}"], 2, ["search.trials"]),
    ("setting not finite", _search("--config", "{not_finite.toml}"), 2, ["learning_rate"]),
    ("unknown distiller", _search("--config", "{unknown_distiller.toml}"), 2, ["kdd", "'kd'"]),
    ("distiller needs maps", _search("--config", "{clean_maps.toml}"), 2, ["clean", "augmented"]),
    ("batch of one", _search("--config", "{batch_of_one.toml}"), 2, ["distill.batch_size"]),
    ("negative weight", _search("--config", "{negative_weight.toml}"), 2, ["kd weighs -1"]),
    ("nothing to learn", _search("--config", "{no_weight.toml}"), 2, ["nothing to learn from"]),
    ("precision not here", _search("--config", "{fp16.toml}"), 2, ["'fp16'", "bf16"]),
    ("dry run of no data", _search("--dry-run", "--data", "zip:x"), 2, ["zip:x"]),
    (
        "dry run of text",
        _search("--dry-run", "--data", "csv:reviews.csv?text=1&label=2", "--teacher", "hf:mine"),
        2,
        ["is text", "pretrain --space autodistil", "--supernet", "distill RUN --task"],
    ),
    (
        "dry run of no teacher",
        _search("--dry-run", "--data", "digits", "--teacher", "nowhere:x"),
        2,
        ["nowhere"],
    ),
    ("epochs and minutes", _search("--epochs", "1", "--minutes", "1"), 2, ["keep one"]),
    ("teacher without data", _search("--teacher", "timm:resnet18"), 2, ["--data"]),
    ("weights without teacher", _search("--checkpoint", "{bomb.pt}"), 2, ["--teacher"]),
    ("budget is no limit", _search("--budget", "macs=fast"), 2, ["fast", "macs="]),
    ("unknown metric", _search("--budget", "flops=60%"), 2, ["flops"]),
    ("negative budget", _search("--budget", "macs=-5"), 2, ["-5"]),
    ("impossible budget", _search(*DIGITS, "--budget", "macs=1k"), 3, ["budget", "smallest"]),
    ("unknown device", _search("--device", "abacus"), 2, ["abacus", "cpu"]),
    ("device not here", _search("--device", "cuda"), 4, ["CUDAExecutionProvider"]),
    ("device of a distillation", ["distill", "9930", "--device", "abacus"], 2, ["abacus", "cpu"]),
    (
        "device of a supernet's search",
        ["search", "--supernet", "{supernet}", "--device", "abacus"],
        2,
        ["abacus", "cpu"],
    ),
    (
        "measured device not here",
        ["measure", "{any_size.onnx}", "--device", "tensorrt"],
        4,
        ["Ten"],
    ),
    (
        "measured device unknown",
        ["measure", "{any_size.onnx}", "--device", "abacus"],
        2,
        ["abacus", "cpu"],
    ),
    ("no such model", ["measure", "none.onnx"], 2, ["none.onnx", "does not exist"]),
    ("corrupt ONNX", ["measure", "{corrupt.onnx}"], 2, ["is not an ONNX model"]),
    ("no fixed size", ["measure", "{any_size.onnx}"], 2, ["no fixed size", "name its directory"]),
    ("not a model", ["measure", "{notes.txt}"], 2, ["notes.txt", ".onnx"]),
    ("not a student", ["measure", "{empty_folder}"], 2, ["neither a student"]),
    ("unknown timm model", ["measure", "timm:resnet181"], 2, ["resnet181", "Did you mean"]),
    ("student config damaged", ["export", "{student_not_json}"], 2, ["config.json"]),
    ("student config incomplete", ["export", "{student_without_arch}"], 2, ["config.json"]),
    ("export of a run not begun", ["export", "{run_not_begun}"], 2, ["has not delivered"]),
    ("not a run", ["show", "{empty_folder}"], 2, ["holds no run"]),
    ("run recipe damaged", ["show", "{run_damaged_recipe}"], 2, ["recipe.json is damaged"]),
    ("run result damaged", ["show", "{run_damaged_result}"], 2, ["result.json is damaged"]),
    ("dashboard too early", ["dashboard", "{run_not_begun}"], 2, ["no trials yet"]),
    ("unknown kind of data", _search("--data", "zip:x", *DIGITS[:2]), 2, ["zip:x"]),
    ("data folder missing", _search("--data", "folder:nowhere", *DIGITS[:2]), 2, ["nowhere"]),
    ("data folder empty", _data("empty_folder", "folder:"), 2, ["empty_folder"]),
    ("data folder without images", _data("no_images", "folder:"), 2, ["no_images"]),
    ("broken image", _data("broken_image", "folder:"), 2, [".png"]),
    ("npz missing", _search("--data", "npz:none.npz", *DIGITS[:2]), 2, ["none.npz"]),
    ("npz is text", _data("text.npz"), 2, ["text.npz"]),
    ("npz is a pickle bomb", _data("bomb.npz"), 2, ["bomb.npz"]),
    ("npz without labels", _data("no_labels.npz"), 2, ["labels"]),
    ("npz with NaN", _data("nan.npz"), 2, ["NaN"]),
    ("labels negative", _data("negative_labels.npz"), 2, ["label"]),
    ("labels fractional", _data("fractional_labels.npz"), 2, ["label"]),
    ("fewer labels than images", _data("too_few_labels.npz"), 2, ["59", "60"]),
    ("images flat", _data("flat_images.npz"), 2, ["shape"]),
    ("no images", _data("no_rows.npz"), 2, ["no_rows.npz"]),
    ("data module missing", _search("--data", "nowhere:f", *DIGITS[:2]), 2, ["nowhere"]),
    (
        "unknown teacher",
        _search("--teacher", "timm:resnet181", "--data", "digits"),
        2,
        ["resnet181"],
    ),
    (
        "teacher module missing",
        _search("--teacher", "nowhere:f", "--data", "digits"),
        2,
        ["nowhere"],
    ),
    ("teacher name missing", _search("--teacher", f"{OWN}:t", "--data", "digits"), 2, [OWN]),
    (
        "teacher is no module",
        _search("--teacher", f"{OWN}:make_something_else", "--data", "digits"),
        2,
        ["make_something_else"],
    ),
    (
        "teacher of other classes",
        _search("--teacher", f"{OWN}:make_teacher_of_three_classes", "--data", "digits"),
        2,
        ["class"],
    ),
    ("checkpoint missing", _search(*DIGITS, "--checkpoint", "none.pt"), 2, ["none.pt"]),
    ("checkpoint corrupt", _checkpoint("corrupt.pt"), 2, ["corrupt.pt"]),
    ("safetensors corrupt", _checkpoint("corrupt.safetensors"), 2, ["corrupt.safetensors"]),
    ("checkpoint is a bomb", _checkpoint("bomb.pt"), 2, ["bomb.pt"]),
    ("checkpoint of another net", _checkpoint("other.safetensors"), 2, ["some.other.weight"]),
    (
        "run directory unwritable",
        _search(*DIGITS, "--run-dir", "/proc/nas-kd"),
        1,
        ["/proc/nas-kd"],
    ),
    (
        "run directory is a file",
        _search(*DIGITS, "--run-dir", "{notes.txt}"),
        2,
        ["notes.txt", "a file", "another --run-dir"],
    ),
    (
        "run directory within a file",
        ["search", "--supernet", "{supernet}", "--run-dir", "{notes.txt}/run"],
        2,
        ["notes.txt", "a file", "another --run-dir"],
    ),
    (
        "changed recipe",
        ["search", "--run-dir", "runs/earlier", "--seed", "7"],
        2,
        ["another recipe", "seed", "--fork"],
    ),
    ("illegal architecture", ["distill", "|none~0|", "--epochs", "1"], 2, ["|none~0|"]),
    ("foreign gene", ["distill", '{{"depth": 3}}', "--epochs", "1"], 2, ["depth"]),
    (
        "space beside a student",
        ["distill", "{student_without_arch}", "--space", "nasbench201"],
        2,
        ["--space"],
    ),
    (
        "weights in the place of an ONNX file",
        ["export", "student", "--output", "student/model.safetensors"],
        2,
        ["--output", "ends in .onnx"],
    ),
    ("distil a damaged student", ["distill", "{student_not_json}"], 2, ["cannot be read"]),
]


@pytest.fixture
def earlier_run(tmp_path: Path) -> dict[Path, bytes]:
    """A finished run in the folder where the commands work, and what its files hold."""
    run = RunDirectory.create_or_continue(tmp_path / "runs" / "earlier", Recipe())
    run.journal.write_text('{"op_code": 0}\n')
    run.candidates_csv.write_text("trial,key\n")
    run.write_result({"schema": "nas-kd.search/1"})
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_bad_input(
    nas_kd: Command,
    tmp_path: Path,
    earlier_run: dict[Path, bytes],
    arguments: list[str],
    code: int,
    words: list[str],
) -> None:
    outcome = nas_kd(*(_with_files(argument, tmp_path) for argument in arguments))
    message = _the_message(outcome.err)
    assert outcome.code == code, outcome.err
    for word in words:
        assert word in message
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert not (tmp_path / bad_files.CANARY).exists()
    assert {path: path.read_bytes() for path in earlier_run} == earlier_run


def test_the_table_has_the_promised_size() -> None:
    assert len({case[0] for case in CASES}) == len(CASES) >= 40


def test_a_taken_port_is_one_message(nas_kd: Command, tmp_path: Path) -> None:
    run = RunDirectory.create_or_continue(tmp_path / "run", Recipe())
    _write_journal(run)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome = nas_kd("dashboard", run.path, "--port", port, "--no-browser")
    assert outcome.code == 1
    assert str(port) in _the_message(outcome.err)


def test_a_run_in_use_is_left_alone(nas_kd: Command, tmp_path: Path) -> None:
    with _begun(tmp_path / "run").lock():
        outcome = nas_kd(*_search(*DIGITS, "--run-dir", "run"))
    assert outcome.code == 2
    assert "another nas-kd command" in _the_message(outcome.err)


def test_a_damaged_journal_is_not_overwritten(nas_kd: Command, tmp_path: Path) -> None:
    journal = _begun(tmp_path / "run").journal
    journal.write_text("this was a journal\n")
    outcome = nas_kd(*_search(*DIGITS, "--run-dir", "run"))
    assert outcome.code == 1
    assert "journal.log cannot be read" in _the_message(outcome.err)
    assert journal.read_text() == "this was a journal\n"


def _begun(path: Path) -> RunDirectory:
    """A run that `_search` with the digits would continue."""
    changes = {"search.trials": 2, "teacher.source": DIGITS[1], "data.source": "digits"}
    return RunDirectory.create_or_continue(path, resolve_recipe(None, changes))


def _with_files(argument: str, folder: Path) -> str:
    text = re.sub(r"(?<!\{)\{([\w.]+)\}", lambda m: str(bad_files.make(m[1], folder)), argument)
    return text.replace("{{", "{").replace("}}", "}")


def _the_message(stderr: str) -> str:
    messages = [line for line in stderr.splitlines() if line.startswith("nas-kd: error: ")]
    assert len(messages) == 1, stderr
    return stderr[stderr.index("nas-kd: error: ") :]


def _write_journal(run: RunDirectory) -> None:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.create_study(
        study_name=run.name, storage=JournalStorage(JournalFileBackend(str(run.journal)))
    )
