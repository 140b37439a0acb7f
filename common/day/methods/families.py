"""The families of methods on the ladders: their names, the step of LEARNING.md that explains them, a formula."""

POPULARITY = "popularity"
RULE = "rule"
NEIGHBOURS = "collaborative filtering"
FACTORS = "matrix factorisation"
TOWERS = "two towers"
LINEAR = "linear item-to-item model"
RETRIEVAL = "retrieval from several channels"
LOGIT = "conditional logit"
BOOSTING = "gradient-boosted ranker"
DEEP = "deep ranker"
CALIBRATION = "calibration"
SEQUENCE = "sequence model"
CONTENT = "content"
LANGUAGE = "language model"
GENERATIVE = "generative retrieval"
BLEND = "blend"
RERANKING = "re-ranking"
QUANTISATION = "quantisation"
# The step of LEARNING.md that explains a family: rows stand in its order.
PATH = {
    POPULARITY: 1,
    RULE: 1,
    NEIGHBOURS: 2,
    LINEAR: 2,
    FACTORS: 3,
    TOWERS: 4,
    RETRIEVAL: 5,
    LOGIT: 7,
    BOOSTING: 9,
    DEEP: 10,
    CALIBRATION: 11,
    SEQUENCE: 13,
    CONTENT: 14,
    LANGUAGE: 15,
    GENERATIVE: 17,
    BLEND: 18,
    RERANKING: 19,
    QUANTISATION: 20,
}
FORMULAS = {  # of a family, for a method that says none of its own
    POPULARITY: "score(item) = its clicks within the window",
    RULE: "score(item) = a sum of its features with fixed weights",
    NEIGHBOURS: "score(j) = sum over items i of the past: weight(i) w(i, j), w(i, j) = pairs(i, j) / (n(i) n(j))^power",
    FACTORS: "score = u . v, which minimise the sum of c (1 - u . v)^2 + ridge (|u|^2 + |v|^2), c = 1 + alpha clicks",
    TOWERS: "score(j) = u(mean of the events) . v(j); loss = -log softmax of the next item among it and drawn ones",
    LINEAR: "score = s B; B = (S'S + ridge I)^-1 S'T minimises |T - S B|^2 + ridge |B|^2 (S: the past, T: the future)",
    RETRIEVAL: "score(item) = sum over channels of weight / (constant + rank)",
    LOGIT: "P(option) = exp(w . x) / sum over the query's options of exp(w . x)",
    BOOSTING: "score = sum of trees, each fitted to the gradient of a loss over the query's list",
    DEEP: "score = network(ids, features); loss = -log softmax of the answer within its list",
    SEQUENCE: "score(j) = h(events) . v(j); loss = -log softmax of the next item among it and drawn ones",
    CONTENT: "score(j) = cosine of v(j) and the mean of the history's vectors",
    LANGUAGE: "score(j) = log of the sum over events of weight exp(beta (cosine - 1)), of the vectors of texts",
    GENERATIVE: "P(item) = product over its codes of P(code | codes before it, history)",
    BLEND: "P(item) = sum over models of weight x softmax(temperature x score)",
    QUANTISATION: "x = scale x round(x / scale), scale = max |x| / (2^(bits - 1) - 1)",
}
