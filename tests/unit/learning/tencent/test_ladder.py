"""The steps of the ladder that the files allow."""

from types import SimpleNamespace

from competitions.learning.tencent.ladder import RULES, TencentBench, lack_of
from competitions.learning.tencent.plain_rules import AROUND, CONTENT_RULES, KERNEL, NEAREST, POPULARITY
from competitions.tencent.competition import COMPETITION


def test_rules_that_the_files_do_not_allow_say_why() -> None:
    def rules(ads: int, events: int, *embeddings: str, times: bool = True) -> list[str]:
        sizes = SimpleNamespace(catalogue=SimpleNamespace(oid=range(ads)), train=SimpleNamespace(item=range(events)))
        files = SimpleNamespace(embeddings=dict.fromkeys(embeddings))
        bench = TencentBench(files, COMPETITION.load_config([]), None)  # type: ignore[arg-type]
        plan, corpus = SimpleNamespace(value=SimpleNamespace(times=times)), SimpleNamespace(value=sizes)
        bench.__dict__["folds"] = SimpleNamespace(plan=plan, corpus=corpus)
        return [key for key, *_ in RULES if lack_of(bench, key) is None]

    every = [key for key, *_ in RULES]
    plain = [key for key in every if key not in CONTENT_RULES]
    assert rules(20_000, 20_000_000, "emb_84_4096", "emb_82_384") == every
    assert rules(20_000, 20_000_000, "emb_84_4096") == [*plain, NEAREST, KERNEL]  # no text
    assert AROUND not in rules(20_000, 20_000_000, times=False)
    assert rules(20_001, 20_000_001) == [POPULARITY, AROUND, "transitions", "counts"]
