"""Unpack the one file that a host wrapped in a zip archive; the archive comes from outside and is not believed."""

import os
import stat
import zipfile
import zlib
from pathlib import Path

from common.errors import UserError
from common.pipeline.progress import track

BLOCK_BYTES = 1 << 20


def unpack_single(archive: Path, target: Path, size: int) -> None:
    """Write the single member of ``archive``, which must bear the name of ``target``, to ``target``.

    Refused: another number of members, another name, a path, a link, a password, more or fewer bytes than ``size``.
    ``target`` is absent or whole at any moment.
    """
    near = target.with_name(f".{target.name}.unpacking")
    try:
        with zipfile.ZipFile(archive) as opened:
            member = _require_single(archive, opened, target.name, size)
            _copy(archive, opened, member, near, size)
        os.replace(near, target)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{archive} cannot be unpacked ({error}); remove it and run this again.") from error
    finally:
        near.unlink(missing_ok=True)


def _require_single(archive: Path, opened: zipfile.ZipFile, name: str, size: int) -> zipfile.ZipInfo:
    members = opened.infolist()
    if len(members) != 1:
        raise UserError(f"{archive} holds {len(members)} files where {name} alone is expected; it is not unpacked.")
    member = members[0]
    if member.filename != name or stat.S_ISLNK(member.external_attr >> 16):
        raise UserError(f"{archive} holds {member.filename!r} where {name} is expected; it is not unpacked.")
    if member.file_size != size:
        raise UserError(
            f"{archive} unpacks to {member.file_size} bytes where the host lists {size}; remove it and run again."
        )
    return member


def _copy(archive: Path, opened: zipfile.ZipFile, member: zipfile.ZipInfo, near: Path, size: int) -> None:
    """Copy block by block: what the archive claims of its size is not what decides how much is written."""
    written = 0
    with opened.open(member) as source, near.open("wb") as out:
        blocks = iter(lambda: source.read(BLOCK_BYTES), b"")
        for block in track(blocks, f"unpack {member.filename}, MiB", total=-(-size // BLOCK_BYTES)):
            written += len(block)
            if written > size:
                raise UserError(f"{archive} unpacks to more than the {size} bytes that the host lists; remove it.")
            out.write(block)
    if written != size:
        raise UserError(f"{archive} unpacks to {written} bytes where the host lists {size}; remove it and run again.")
