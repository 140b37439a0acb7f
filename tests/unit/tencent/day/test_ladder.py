"""The rungs of the ladder that the files allow."""

from types import SimpleNamespace

from competitions.tencent.day.ladder import RULES, list_rules
from competitions.tencent.lab.plain_rules import AROUND, CONTENT_RULES, KERNEL, NEAREST, POPULARITY


def test_rules_that_the_files_do_not_allow_are_no_rungs() -> None:
    def rules(ads: int, events: int, *embeddings: str, times: bool = True) -> list[str]:
        sizes = SimpleNamespace(catalogue=SimpleNamespace(oid=range(ads)), train=SimpleNamespace(item=range(events)))
        ready = SimpleNamespace(
            plan=SimpleNamespace(value=SimpleNamespace(times=times)),
            corpus=SimpleNamespace(value=sizes),
            embeddings=SimpleNamespace(value=[SimpleNamespace(name=name) for name in embeddings]),
        )
        return list_rules(ready)  # type: ignore[arg-type]

    plain = [name for name in RULES if name not in CONTENT_RULES]
    assert rules(20_000, 20_000_000, "emb_84_4096", "emb_82_384") == [*RULES]
    assert rules(20_000, 20_000_000, "emb_84_4096") == [*plain, NEAREST, KERNEL]  # no text, nothing to fuse
    assert AROUND not in rules(20_000, 20_000_000, times=False)
    assert rules(20_001, 20_000_001) == [POPULARITY, AROUND, "transitions", "counts"]
