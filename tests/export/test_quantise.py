"""int8: close to float32 on real images, in the promised form, and refused where it cannot work."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nas_kd.costs.onnx_models import onnx_precision
from nas_kd.errors import ExportError, UsageError
from nas_kd.export import (
    Int8Settings,
    calibration_batches,
    evaluate_onnx,
    export_onnx,
    onnx_facts,
    quantise_onnx,
)
from nas_kd.export.running import onnx_logits
from nas_kd.export.saturation import products_saturate
from tests.export.trained import SHAPE, digits, digits_net

Batches = list[NDArray[np.float32]]
_LEVELS = onnxruntime.GraphOptimizationLevel


@pytest.fixture(scope="module")
def batches() -> Batches:
    return calibration_batches(digits(), 128)


@pytest.fixture(scope="module")
def float_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    return export_onnx(digits_net(), SHAPE, folder / "student.onnx")


@pytest.fixture(scope="module")
def int8_file(float_file: Path, batches: Batches) -> Path:
    return quantise_onnx(float_file, float_file.with_name("int8.onnx"), batches)


@pytest.fixture(scope="module")
def vit_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vit = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2, num_classes=10)
    return export_onnx(vit, (3, 32, 32), tmp_path_factory.mktemp("vit") / "vit.onnx")


def constants(path: Path) -> dict[str, NDArray]:
    graph = onnx.load(str(path)).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def nodes(path: Path, kind: str) -> list[onnx.NodeProto]:
    return [node for node in onnx.load(str(path)).graph.node if node.op_type == kind]


def run_at(path: Path, images: NDArray[np.float32], level: object) -> NDArray[np.float32]:
    """Logits with the graph optimised so far: integer kernels come with the later levels only."""
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = level
    session = onnxruntime.InferenceSession(str(path), settings, ["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: images})
    return np.asarray(logits)


class TestStatic:
    def test_reads_real_digits_as_well_as_float32(self, float_file: Path, int8_file: Path) -> None:
        test = digits().test
        assert test is not None
        before, after = evaluate_onnx(float_file, test), evaluate_onnx(int8_file, test)
        assert before > 0.95
        assert after >= before - 0.01
        expected, found = onnx_logits(float_file, test), onnx_logits(int8_file, test)
        assert 0 < np.abs(found - expected).max() < 0.15 * np.abs(expected).max()

    def test_loads_in_a_plain_session_and_keeps_its_ends(self, int8_file: Path) -> None:
        session = onnxruntime.InferenceSession(str(int8_file))
        (images,), (logits,) = session.get_inputs(), session.get_outputs()
        assert (images.name, images.type) == ("images", "tensor(float)")
        assert images.shape == ["batch", *SHAPE]
        assert (logits.name, logits.type, logits.shape) == (
            "logits",
            "tensor(float)",
            ["batch", 10],
        )
        for batch in (1, 3):
            images = np.zeros((batch, *SHAPE), np.float32)
            assert session.run(None, {"images": images})[0].shape == (batch, 10)
        onnx.checker.check_model(str(int8_file))

    def test_every_convolution_is_between_quantise_and_dequantise(self, int8_file: Path) -> None:
        graph = onnx.load(str(int8_file)).graph
        producers = {name: node for node in graph.node for name in node.output}
        convolutions = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
        assert len(convolutions) == 4
        for node in convolutions:
            assert {producers[name].op_type for name in node.input} == {"DequantizeLinear"}
        assert onnx_precision(int8_file) == "int8"

    def test_weights_have_a_scale_per_output_channel(self, int8_file: Path) -> None:
        values = constants(int8_file)
        producers = {n.output[0]: n for n in nodes(int8_file, "DequantizeLinear")}
        for node in nodes(int8_file, "Conv"):
            weight, scale, zero = (values[name] for name in producers[node.input[1]].input)
            assert weight.dtype == np.int8
            assert scale.shape == (weight.shape[0],)
            assert len(np.unique(scale)) > 1
            assert not zero.any()

    def test_a_scale_for_the_whole_weight_where_asked(
        self, float_file: Path, batches: Batches, tmp_path: Path
    ) -> None:
        settings = Int8Settings(per_channel=False)
        path = quantise_onnx(float_file, tmp_path / "int8.onnx", batches, settings)
        values = constants(path)
        producers = {n.output[0]: n for n in nodes(path, "DequantizeLinear")}
        scales = [values[producers[n.input[1]].input[1]] for n in nodes(path, "Conv")]
        assert all(scale.size == 1 for scale in scales)

    def test_ranges_are_those_of_the_calibration_images(
        self, int8_file: Path, batches: Batches
    ) -> None:
        (entry,) = (n for n in nodes(int8_file, "QuantizeLinear") if n.input[0] == "images")
        low = min(float(batch.min()) for batch in batches)
        high = max(float(batch.max()) for batch in batches)
        assert constants(int8_file)[entry.input[1]] == pytest.approx((high - low) / 255, rel=1e-5)

    def test_the_same_images_give_the_same_bytes(
        self, float_file: Path, int8_file: Path, batches: Batches, tmp_path: Path
    ) -> None:
        again = quantise_onnx(float_file, tmp_path / "again.onnx", iter(batches))
        assert again.read_bytes() == int8_file.read_bytes()
        fewer = quantise_onnx(float_file, tmp_path / "fewer.onnx", batches[:1])
        assert fewer.read_bytes() != int8_file.read_bytes()

    def test_the_same_bytes_in_another_process(
        self, float_file: Path, int8_file: Path, batches: Batches, tmp_path: Path
    ) -> None:
        np.save(tmp_path / "images.npy", np.concatenate(batches))
        code = (
            "import sys, numpy as np; from pathlib import Path\n"
            "from nas_kd.export import quantise_onnx\n"
            "images = np.load(sys.argv[2], allow_pickle=False)\n"
            "quantise_onnx(Path(sys.argv[1]), Path(sys.argv[3]), np.split(images, 4))\n"
        )
        out = tmp_path / "int8.onnx"
        arguments = [str(float_file), str(tmp_path / "images.npy"), str(out)]
        subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "PYTHONHASHSEED": "12345"},
            check=True,
        )
        assert out.read_bytes() == int8_file.read_bytes()

    def test_the_file_says_how_it_was_made(self, int8_file: Path) -> None:
        metadata = onnx_facts(int8_file)["metadata"]
        assert metadata["nas-kd.int8.method"] == "static"
        assert metadata["nas-kd.int8.calibration"] == "minmax"
        assert metadata["nas-kd.int8.calibration_images"] == "128"
        assert metadata["nas-kd.int8.per_channel"] == "true"
        settings = Int8Settings.for_device("cpu")
        assert metadata["nas-kd.int8.reduce_range"] == str(settings.reduce_range).lower()
        assert metadata["nas-kd.int8.activations"] == settings.activations
        domains = {entry.domain for entry in onnx.load(str(int8_file)).opset_import}
        assert domains == {""}

    def test_tensorrt_gets_symmetric_ranges_and_float_biases(
        self, float_file: Path, batches: Batches, tmp_path: Path
    ) -> None:
        settings = Int8Settings.for_device("tensorrt")
        path = quantise_onnx(float_file, tmp_path / "int8.onnx", batches, settings)
        values = constants(path)
        zeros = {n.input[2] for n in nodes(path, "QuantizeLinear")}
        assert all(values[name].dtype == np.int8 and values[name] == 0 for name in zeros)
        assert not any(value.dtype == np.int32 for value in values.values())
        images, labels = digits().validation.batch(range(300))
        # On integers some CPUs overflow, which TensorRT does not; so it is computed in floats here.
        logits = run_at(path, images.numpy(), _LEVELS.ORT_DISABLE_ALL)
        assert np.mean(logits.argmax(1) == labels.numpy()) > 0.95


class TestDynamic:
    def test_a_transformer_needs_no_calibration(self, vit_file: Path, tmp_path: Path) -> None:
        path = quantise_onnx(vit_file, tmp_path / "int8.onnx")
        assert onnx_precision(path) == "int8"
        assert onnx_facts(path)["metadata"]["nas-kd.int8.method"] == "dynamic"
        assert not nodes(path, "ConvInteger")
        products = nodes(path, "MatMulInteger")
        assert len(products) == 2 * 4 + 1  # qkv, projection, the MLP's two in each block; the head
        values = constants(path)
        weights = [values[node.input[1]] for node in products]
        scales = {value.shape for name, value in values.items() if name.endswith("_scale")}
        assert {(weight.shape[1],) for weight in weights} <= scales
        assert path.stat().st_size < 0.4 * vit_file.stat().st_size
        images = np.random.default_rng(0).standard_normal((4, 3, 32, 32)).astype(np.float32)
        expected = run_at(vit_file, images, _LEVELS.ORT_ENABLE_ALL)
        found = run_at(path, images, _LEVELS.ORT_ENABLE_ALL)
        assert 0 < np.abs(found - expected).max() < 0.1 * np.abs(expected).max()

    def test_a_transformer_can_be_quantised_statically(
        self, vit_file: Path, tmp_path: Path
    ) -> None:
        images = np.random.default_rng(0).standard_normal((4, 3, 32, 32)).astype(np.float32)
        settings = Int8Settings(method="static")
        path = quantise_onnx(vit_file, tmp_path / "int8.onnx", [images], settings)
        producers = {name: n for n in onnx.load(str(path)).graph.node for name in n.output}
        products = [n for n in nodes(path, "MatMul") if n.input[1] in producers]
        assert products
        assert {producers[n.input[1]].op_type for n in products} == {"DequantizeLinear"}
        assert not nodes(path, "MatMulInteger")
        gains = [norm.input[1] for norm in nodes(path, "LayerNormalization")]
        assert gains
        assert all(constants(path)[name].dtype == np.float32 for name in gains)


class TestSaturation:
    """Sums of 16 bits overflow on x86 without VNNI; a delivered file must not run into it."""

    @pytest.fixture
    def largest(self, tmp_path: Path) -> Path:
        """All weights and all activations are as large as they can be."""
        weights = [numpy_helper.from_array(np.ones((16, 16, 3, 3), np.float32), "weight")]
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 16, size, size])
            for name, size in (("images", 8), ("logits", 6))
        ]
        node = helper.make_node("Conv", ["images", "weight"], ["logits"], name="conv")
        graph = helper.make_graph([node], "largest", ends[:1], ends[1:], weights)
        opset = helper.make_opsetid("", 18)
        path = tmp_path / "largest.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
        return path

    @pytest.mark.parametrize("activations", ["uint8", "int8"])
    def test_integer_kernels_compute_what_the_file_says(
        self, largest: Path, tmp_path: Path, activations: str
    ) -> None:
        images = np.ones((1, 16, 8, 8), np.float32)
        errors = {}
        for reduce_range in (True, False):
            settings = Int8Settings(activations=activations, reduce_range=reduce_range)  # type: ignore[arg-type]
            path = quantise_onnx(largest, tmp_path / f"{reduce_range}.onnx", [images], settings)
            simulated = run_at(path, images, _LEVELS.ORT_DISABLE_ALL)
            assert simulated == pytest.approx(16 * 9, rel=0.01)
            computed = run_at(path, images, _LEVELS.ORT_ENABLE_ALL)
            errors[reduce_range] = np.abs(computed / simulated - 1).max()
        assert errors[True] < 0.01
        assert (errors[False] > 0.1) == products_saturate()

    def test_the_rule_for_this_cpu_is_the_safe_one(self) -> None:
        assert Int8Settings.for_device("cpu").reduce_range == products_saturate()

    def test_it_is_what_the_instruction_set_says(self) -> None:
        try:
            flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
        except OSError:
            pytest.skip("instruction sets are read from /proc/cpuinfo")
        if "avx2" not in flags:
            pytest.skip("the rule is about x86 with AVX2 or newer")
        assert products_saturate() == (not {"avx_vnni", "avx512_vnni"} & set(flags))


class TestRefusals:
    def test_without_images(self, float_file: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no calibration images"):
            quantise_onnx(float_file, tmp_path / "int8.onnx")
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("images", "message"),
        [
            (np.zeros((2, 3, 8, 8), np.float32), "the model takes"),
            (np.zeros((2, 64), np.float32), "the model takes"),
            (np.full((2, *SHAPE), np.nan, np.float32), "NaN"),
        ],
    )
    def test_images_that_do_not_fit(
        self, float_file: Path, tmp_path: Path, images: NDArray[np.float32], message: str
    ) -> None:
        with pytest.raises(UsageError, match=message):
            quantise_onnx(float_file, tmp_path / "int8.onnx", [images])

    def test_int8_already(self, int8_file: Path, batches: Iterable, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is int8 already"):
            quantise_onnx(int8_file, tmp_path / "int8.onnx", batches)

    def test_nothing_to_quantise(self, tmp_path: Path) -> None:
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4])
            for name in ("images", "logits")
        ]
        graph = helper.make_graph(
            [helper.make_node("Erf", ["images"], ["logits"])], "g", ends[:1], ends[1:]
        )
        opset = helper.make_opsetid("", 18)
        path = tmp_path / "erf.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
        with pytest.raises(ExportError, match="nothing in"):
            quantise_onnx(path, tmp_path / "int8.onnx", [np.zeros((1, 4), np.float32)])

    def test_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="there is no file"):
            quantise_onnx(tmp_path / "none.onnx", tmp_path / "int8.onnx")


def test_quiet(
    float_file: Path, batches: Batches, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers, level = list(logging.root.handlers), logging.root.level
    quantise_onnx(float_file, tmp_path / "int8.onnx", batches)
    assert capfd.readouterr() == ("", "")
    assert (logging.root.handlers, logging.root.level) == (handlers, level)
    assert [file.name for file in tmp_path.iterdir()] == ["int8.onnx"]


def test_calibration_images_are_the_classes_in_turn() -> None:
    chosen = calibration_batches(digits(), 100, seed=3)
    assert [len(batch) for batch in chosen] == [32, 32, 32, 4]
    images, labels = digits().probe_batch(100, 3)
    assert np.array_equal(np.concatenate(chosen), images.numpy())
    assert torch.bincount(labels).tolist() == [10] * 10
    everything = calibration_batches(digits(), 10**6)
    assert sum(len(batch) for batch in everything) == len(digits().train)
