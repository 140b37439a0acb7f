"""The families of methods on the ladders."""

from typing import NamedTuple


class Family(NamedTuple):
    """Its ``name`` in the table; the ``step`` of LEARNING.md that explains it, in whose order rows stand; its
    ``formula``, for a method that says none of its own.
    """

    name: str
    step: int
    formula: str = ""


POPULARITY = Family("popularity", 1, "score(item) = its clicks within the window")
RULE = Family("rule", 1, "score(item) = a sum of its features with fixed weights")
NEIGHBOURS = Family(
    "collaborative filtering",
    2,
    "score(j) = sum over items i of the past: weight(i) w(i, j), w(i, j) = pairs(i, j) / (n(i) n(j))^power",
)
FACTORS = Family(
    "matrix factorisation",
    3,
    "score = u . v, which minimise the sum of c (1 - u . v)^2 + ridge (|u|^2 + |v|^2), c = 1 + alpha clicks",
)
TOWERS = Family(
    "two towers",
    4,
    "score(j) = u(mean of the events) . v(j); loss = -log softmax of the next item among it and drawn ones",
)
LINEAR = Family(
    "linear item-to-item model",
    2,
    "score = s B; B = (S'S + ridge I)^-1 S'T minimises |T - S B|^2 + ridge |B|^2 (S: the past, T: the future)",
)
RETRIEVAL = Family(
    "retrieval from several channels", 5, "score(item) = sum over channels of weight / (constant + rank)"
)
LOGIT = Family("conditional logit", 7, "P(option) = exp(w . x) / sum over the query's options of exp(w . x)")
BOOSTING = Family(
    "gradient-boosted ranker", 9, "score = sum of trees, each fitted to the gradient of a loss over the query's list"
)
DEEP = Family("deep ranker", 10, "score = network(ids, features); loss = -log softmax of the answer within its list")
CALIBRATION = Family("calibration", 11)
SEQUENCE = Family(
    "sequence model", 13, "score(j) = h(events) . v(j); loss = -log softmax of the next item among it and drawn ones"
)
CONTENT = Family("content", 14, "score(j) = cosine of v(j) and the mean of the history's vectors")
LANGUAGE = Family(
    "language model",
    15,
    "score(j) = log of the sum over events of weight exp(beta (cosine - 1)), of the vectors of texts",
)
GENERATIVE = Family(
    "generative retrieval", 17, "P(item) = product over its codes of P(code | codes before it, history)"
)
BLEND = Family("blend", 18, "P(item) = sum over models of weight x softmax(temperature x score)")
RERANKING = Family("re-ranking", 19)
QUANTISATION = Family("quantisation", 20, "x = scale x round(x / scale), scale = max |x| / (2^(bits - 1) - 1)")
