"""The channels that candidates are retrieved by: one line each, in the order in which their scores are added up."""

from collections.abc import Iterable, Sequence

from competitions.tencent.retrieval import behaviour, content, counts, covisits, sequence, values
from competitions.tencent.retrieval.channel import Channel

CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for channel in (
        content.CHANNEL,
        behaviour.CHANNEL,
        counts.CHANNEL,
        covisits.CHANNEL,
        values.CHANNEL,
        sequence.CHANNEL,
    )
}


def find_channel(name: str) -> Channel:
    """The channel of this name: one of the registry, or else that of an embedding."""
    return CHANNELS[name] if name in CHANNELS else content.of_embedding(name)


def name_channels(names: Sequence[str], embeddings: Iterable[str]) -> tuple[str, ...]:
    """These channels in the registry's order, with one for each of the ``embeddings`` in the place of ``content``.

    >>> name_channels(["counts", "content"], ["emb_81_32", "emb_82_1024"])
    ('emb_81_32', 'emb_82_1024', 'counts')
    """
    ordered = [name for name in CHANNELS if name in names]
    return tuple(each for name in ordered for each in (embeddings if name == content.CHANNEL.name else (name,)))
