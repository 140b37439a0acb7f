"""A finished run as files that ``serve.py`` answers histories from, and what fewer bits or a smaller network score."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import msgspec
import numpy as np
import torch

from common.errors import UserError
from common.pipeline.run import Run
from common.serving.benchmark import Export, Variant, answer_all, spread
from common.serving.feature_tables import write_array, write_struct
from competitions.tencent import pipeline
from competitions.tencent.config import TencentConfig
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.inference import stages
from competitions.tencent.inference.retrieval import Top
from competitions.tencent.io import reader
from competitions.tencent.model.network import Network
from competitions.tencent.pipeline import Prepared
from competitions.tencent.serving import service
from competitions.tencent.split import Fold
from competitions.tencent.training.trainer import Trained, build_network, count_events, find_end

MODULE = "competitions.tencent.serving.service"
CODES = 256  # of a subspace of product quantisation, which is learned on so many candidates at least
HEAD = "head."  # its weights begin with this
SUBSPACE = 4  # dimensions that share a byte
TOLD = {
    "request": "what a user did and his features -> ten candidates, seen ones left out",
    "computed at export": "the vector of every candidate",
    "computed in the request": "the vectors of the history's ads, the encoder, the product with all candidates",
    "left out": "parsing, network; the open mode and answers by words are not exported",
    "product codes": f"product quantisation, {SUBSPACE} dimensions a byte",
    "half": "the network of half the width was trained on the hold-out alone; its latency is that network's",
}


@dataclass(frozen=True)
class Cut:
    """A variant: ``codes`` of the candidates (float32, float16, int8 or product), the network's bits and size."""

    name: str
    folder: str
    codes: str = "float32"
    int8: bool = False
    half: bool = False


CUTS = (
    Cut("float32", "whole"),
    Cut("candidates in float16", "float16", "float16"),
    Cut("candidates in int8", "int8", "int8"),
    Cut("candidates by product codes", "product", "product"),
    Cut("linear layers in int8", "layers", "float32", int8=True),
    Cut("a network of half the width", "half", "float32", half=True),
)


@dataclass(frozen=True)
class World:
    """A question with what was learned for it: ``trained`` by size (half or not)."""

    ready: Prepared
    fold: Fold
    trained: dict[bool, Trained]
    config: dict[bool, TencentConfig]


def export(files: reader.RawFiles, config: TencentConfig, run: Run, folder: Path, requests: int) -> Export:
    """Export the final network below ``folder``, with so many ``requests`` of the host's question.

    The variants are judged on the hold-out: the early network, exported in the same way to a folder that does not stay,
    answers its queries.
    """
    if config.model.memory:
        raise UserError("A model with a wide part (model.memory) cannot be exported: scores are no inner products.")
    outcome = pipeline.solve(files, config, run)
    ready, width = (
        outcome.ready,
        max(config.model.heads, config.model.width // 2 // config.model.heads * config.model.heads),
    )
    small = msgspec.structs.replace(config, model=msgspec.structs.replace(config.model, width=width))
    half = pipeline.learn_and_answer(ready, ready.valid, small, run, "valid.half").trained.value
    cuts = [cut for cut in CUTS if cut.codes != "product" or enough(ready)]
    configs = {False: config, True: small}
    test = ready.test.value
    final = World(ready, test, {False: outcome.final.trained.value, True: half}, configs)
    write_world(final, cuts, folder / "export")
    chosen = spread(len(test.users), requests)
    write_requests(ready.corpus.value, test, chosen, folder / "requests")
    expected = outcome.final.answer.value.vectors.columns[chosen].astype(float).tolist()
    early = World(ready, ready.valid.value, {False: outcome.early.trained.value, True: half}, configs)
    return Export(MODULE, folder / "export", folder / "requests", judge(early, cuts), expected, TOLD)


def enough(ready: Prepared) -> bool:
    """Whether there are candidates enough to learn the codes of product quantisation from."""
    return min(len(fold.value.candidates.rows) for fold in (ready.valid, ready.test)) >= CODES


def write_world(world: World, cuts: Sequence[Cut], folder: Path) -> None:
    """Write the content of all ads, and each variant's network and candidates."""
    networks = {half: rebuild(world, half) for half in {cut.half for cut in cuts}}
    content, rows = networks[False].tower.content, world.fold.candidates.rows.values
    arrays = {service.FEATURES: content.features, service.TRAINED: content.trained, service.BIRTH: content.birth}
    arrays |= {service.name_vectors(at): vectors for at, vectors in enumerate(content.vectors)}
    for name, array in arrays.items():
        write_array(array.cpu().numpy(), folder / name)
    write_array(rows, folder / service.ROWS)
    reference = find_end(world.fold.history(world.ready.corpus.value.train))
    sizes, user_sizes, embeddings = content.sizes, content.user_sizes, len(content.vectors)
    told = service.Settings(reference=reference, sizes=sizes, user_sizes=user_sizes, embeddings=embeddings)
    write_struct(told, folder / service.SETTINGS)
    vectors = {half: stages.embed_candidates(network, rows).cpu().numpy() for half, network in networks.items()}
    for cut in cuts:
        config = world.config[cut.half]
        built = service.Built(model=config.model, train=config.train, int8=cut.int8)
        write_network(networks[cut.half], built, folder / cut.folder)
        write_candidates(vectors[cut.half], cut.codes, folder / cut.folder)


def rebuild(world: World, half: bool) -> Network:
    """A trained network, on the CPU, without the head that spells words, which is not served."""
    corpus, config = world.ready.corpus.value, world.config[half]
    embeddings = tuple(embedding.value for embedding in world.ready.embeddings)
    told = corpus, embeddings, world.fold, None, None, config.model, config.train, config.seed
    lesson = stages.plan_lesson(*told)
    network = build_network(lesson, count_events(lesson)).eval()
    weights = world.trained[half].weights.items()
    network.load_state_dict(
        {name: torch.from_numpy(np.array(value)) for name, value in weights if not name.startswith(HEAD)}
    )
    return network


def write_network(network: Network, built: service.Built, folder: Path) -> None:
    """Write the weights as plain tensors, and how the network is built."""
    write_struct(built, folder / service.MODEL)
    served = service.narrow(network) if built.int8 else network
    torch.save(served.state_dict(), folder / service.WEIGHTS)


def write_candidates(vectors: np.ndarray, codes: str, folder: Path) -> None:
    """Write the candidates' vectors, or faiss's codes of them."""
    if codes == "float32":
        write_array(vectors, folder / service.VECTORS)
        return
    width = vectors.shape[1]
    if codes == "product":
        width = -(-width // SUBSPACE) * SUBSPACE
        index: Any = faiss.IndexPQ(width, width // SUBSPACE, 8, faiss.METRIC_INNER_PRODUCT)
        index.pq.cp.min_points_per_centroid = 1  # few candidates are told in fewer words, not in warnings
    else:
        kind = {"float16": faiss.ScalarQuantizer.QT_fp16, "int8": faiss.ScalarQuantizer.QT_8bit}[codes]
        index = faiss.IndexScalarQuantizer(width, kind, faiss.METRIC_INNER_PRODUCT)
    padded = np.zeros((len(vectors), width), np.float32)
    padded[:, : vectors.shape[1]] = vectors
    index.train(padded)
    index.add(padded)
    faiss.write_index(index, str(folder / service.INDEX))


def write_requests(corpus: Corpus, fold: Fold, chosen: Int64s, folder: Path) -> None:
    """Write the histories of some queries for ``serve.read_requests``."""
    sequences, users = stages.choose_sequences(corpus, fold)
    histories = fold.queries(sequences).take(chosen)
    events = histories.events()
    offsets = np.concatenate([[0], np.cumsum(histories.lengths)])
    events_of = [column[events] for column in (sequences.item, sequences.action, sequences.time)]
    arrays: list[Any] = [offsets, *events_of, users.features[histories.users], fold.condition[chosen]]
    for name, array in zip(service.REQUESTS, arrays, strict=True):
        write_array(array, folder / f"{name}.npy")


def judge(world: World, cuts: Sequence[Cut]) -> list[Variant]:
    """Each variant's score on the hold-out."""
    corpus, fold, host = world.ready.corpus.value, world.fold, world.config[False].host
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_world(world, cuts, folder / "export")
        write_requests(corpus, fold, np.arange(len(fold.users)), folder / "requests")
        requests = service.read_requests(folder / "requests")
        variants = []
        for cut in cuts:
            answers = np.array(answer_all(service.load(folder / "export", cut.folder), requests)).astype(np.int64)
            scores = stages.measure(fold, Top(answers, np.zeros(answers.shape, np.float32)), host)
            variants.append(Variant(cut.name, cut.folder, scores["score"], scores["score_error"]))
    return variants
