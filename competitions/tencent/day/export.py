"""Export a finished run as files that ``service.py`` answers from; the scores of fewer bits and a smaller network."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np
import torch

from common.day.serving.benchmark import Export, spread
from common.day.serving.feature_tables import write_array, write_struct
from common.engine.errors import UserError
from common.engine.run import Run
from competitions.tencent import pipeline
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import RawFiles
from competitions.tencent.day import ranker_export, service
from competitions.tencent.day.judging import judge_variants
from competitions.tencent.day.requests import write_requests
from competitions.tencent.inference import stages
from competitions.tencent.model.network import Network
from competitions.tencent.outcome import FoldResult
from competitions.tencent.training.checkpoint import restore
from competitions.tencent.training.inputs import ModelInputs, NetworkSettings, build_training_inputs
from competitions.tencent.training.trainer import Trained, build_network

MODULE = "competitions.tencent.day.service"
CODES = 256  # of a subspace of product quantisation, which is learned on so many candidates at least
HEAD = "head."  # its weights begin with this
SUBSPACE = 4  # dimensions that share a byte
DESCRIPTION = {
    "request": "what a user did and his features -> ten candidates, seen ones left out",
    "computed at export": "the vector of every candidate",
    "computed in the request": "the vectors of the history's ads, the encoder, the product with all candidates",
    "left out": "parsing, network; the open mode and generative answers are not exported",
    "product codes": f"product quantisation, {SUBSPACE} dimensions a byte",
    "half": "the network of half the width was trained on the hold-out alone; its latency is that network's",
}


@dataclass(frozen=True)
class Compression:
    """A variant: ``codes`` of the candidates (float32, float16, int8 or product), the network's bits and size."""

    name: str
    folder: str
    codes: str = "float32"
    int8: bool = False
    half: bool = False


COMPRESSIONS = (
    Compression("float32", "whole"),
    Compression("candidates in float16", "float16", "float16"),
    Compression("candidates in int8", "int8", "int8"),
    Compression("candidates by product codes", "product", "product"),
    Compression("linear layers in int8", "layers", "float32", int8=True),
    Compression("a network of half the width", "half", "float32", half=True),
)


@dataclass(frozen=True)
class ExportedFold:
    """A fold with its networks: ``trained`` and ``settings`` by size (half or not)."""

    inputs: ModelInputs
    trained: dict[bool, Trained]
    settings: dict[bool, NetworkSettings]


def export(files: RawFiles, config: TencentConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final ranker, or network, below ``folder``, with so many ``requests`` of the host's queries.

    The variants are judged on the hold-out: the early network, exported in the same way to a folder that does not stay,
    answers its queries.
    """
    if config.method == "ranker":
        return ranker_export.export(files, config, run, folder, requests)
    if config.model.memory:
        raise UserError("A model with a wide part (model.memory) cannot be exported: scores are no inner products.")
    ready, heads = pipeline.prepare(files, config, run), config.model.heads
    early = pipeline.fit_and_answer(ready, ready.valid, config, run, "valid")
    final = pipeline.fit_and_answer(ready, ready.test, config, run, "test", early)
    width = max(heads, config.model.width // 2 // heads * heads)
    small = msgspec.structs.replace(config, model=msgspec.structs.replace(config.model, width=width))
    half = pipeline.fit_and_answer(ready, ready.valid, small, run, "valid.half")
    least = min(len(fold.value.candidates.rows) for fold in (ready.valid, ready.test))
    compressions = [each for each in COMPRESSIONS if each.codes != "product" or least >= CODES]
    if config.model.kernel and ready.embeddings.value:  # scores are no inner products: nothing to search codes by
        compressions = [each for each in compressions if each.codes == "float32"]

    def gather(result: FoldResult) -> ExportedFold:
        settings = {False: result.settings, True: half.settings}
        trained = {False: result.trained.value, True: half.trained.value}
        return ExportedFold(dataclasses.replace(result.inputs.value, semantic_ids=None), trained, settings)

    exported = gather(final)
    write_export(exported, compressions, folder / "export")
    chosen = spread(len(exported.inputs.fold.users), requests)
    inputs = exported.inputs
    write_requests(*inputs.query_source, inputs.fold, chosen, folder / "requests")
    expected = final.answer.value.vectors.columns[chosen].astype(float).tolist()
    held_out = gather(early)
    names = [(compression.name, compression.folder) for compression in compressions]
    variants = judge_variants(
        held_out.inputs.corpus,
        held_out.inputs.fold,
        config.host,
        names,
        lambda target: write_export(held_out, compressions, target),
        service.load,
    )
    return Export(MODULE, folder / "export", folder / "requests", variants, expected, DESCRIPTION)


def write_export(exported: ExportedFold, compressions: Sequence[Compression], folder: Path) -> None:
    """Write the content of all ads, and each variant's network and candidates."""
    networks = {half: load_cpu_network(exported, half) for half in {compression.half for compression in compressions}}
    content, rows = networks[False].tower.content, exported.inputs.fold.candidates.rows.values
    arrays = {service.FEATURES: content.features, service.TRAINED: content.trained, service.BIRTH: content.birth}
    arrays[service.FORECAST] = content.forecast
    arrays |= {service.name_vectors(at): vectors for at, vectors in enumerate(content.vectors)}
    for name, array in arrays.items():
        write_array(array.cpu().numpy(), folder / name)
    write_array(rows, folder / service.ROWS)
    sizes, user_sizes, embeddings = content.sizes, content.user_sizes, len(content.vectors)
    settings = service.Settings(
        reference=exported.inputs.query_time, sizes=sizes, user_sizes=user_sizes, embeddings=embeddings
    )
    write_struct(settings, folder / service.SETTINGS)
    vectors = {half: stages.encode_candidates(network, rows).cpu().numpy() for half, network in networks.items()}
    for compression in compressions:
        built = exported.settings[compression.half]
        variant = service.NetworkVariant(model=built.model, train=built.train, int8=compression.int8)
        write_struct(variant, folder / compression.folder / service.MODEL)
        network = networks[compression.half]
        served = service.narrow(network) if compression.int8 else network
        torch.save(served.state_dict(), folder / compression.folder / service.WEIGHTS)
        write_candidates(vectors[compression.half], compression.codes, folder / compression.folder)


def load_cpu_network(exported: ExportedFold, half: bool) -> Network:
    """A trained network, on the CPU, without the generative head, which is not served."""
    network = build_network(build_training_inputs(exported.inputs, exported.settings[half])).eval()
    network.tower.content = network.tower.content.at_end()
    weights = exported.trained[half].weights.items()
    restore({name: value for name, value in weights if not name.startswith(HEAD)}, network)
    return network


def write_candidates(vectors: np.ndarray, codes: str, folder: Path) -> None:
    """Write the candidates' vectors, or faiss's codes of them."""
    if codes == "float32":
        write_array(vectors, folder / service.VECTORS)
        return
    width = vectors.shape[1]
    if codes == "product":
        width = -(-width // SUBSPACE) * SUBSPACE
        index: Any = faiss.IndexPQ(width, width // SUBSPACE, 8, faiss.METRIC_INNER_PRODUCT)
        index.pq.cp.min_points_per_centroid = 1  # few candidates have fewer codes, which is no reason to warn
    else:
        kind = {"float16": faiss.ScalarQuantizer.QT_fp16, "int8": faiss.ScalarQuantizer.QT_8bit}[codes]
        index = faiss.IndexScalarQuantizer(width, kind, faiss.METRIC_INNER_PRODUCT)
    padded = np.zeros((len(vectors), width), np.float32)
    padded[:, : vectors.shape[1]] = vectors
    index.train(padded)
    index.add(padded)
    faiss.write_index(index, str(folder / service.INDEX))
