"""Directory trees for backups: built from a seed, and compared byte for byte."""

import hashlib
import random
from pathlib import Path

AWKWARD_NAMES = (
    " leading and trailing blanks ",
    "quote'and\"double",
    "backslash\\and`backtick`",
    "percent%20sign&ampersand=equals+plus",
    "question?star*brackets[1]{2}",
    "колонка: 备份 émoji 🗄",
    "-starts-with-a-dash",
    "line\nbreak",
    "$(touch nothing); echo",
    "a" * 200,
)


def make_tree(root: Path, files: int, seed: int = 7) -> None:
    """`files` small files in nested directories, some empty, some with awkward names."""
    chance = random.Random(seed)
    root.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        directory = root / f"d{number % 17}" / f"e{number % 5}"
        directory.mkdir(parents=True, exist_ok=True)
        size = 0 if number % 23 == 0 else chance.randrange(1, 6000)
        (directory / f"file {number}.bin").write_bytes(chance.randbytes(size))
    for name in AWKWARD_NAMES:
        (root / name).write_bytes(name.encode())
        (root / f"dir {name[:100]}").mkdir()
        (root / f"dir {name[:100]}" / "inside").write_bytes(b"inside " + name.encode())


def make_big(path: Path, size: int, seed: int = 11) -> None:
    """A file of MiB blocks that each begin with their number, and differ by the seed."""
    block = random.Random(seed).randbytes((1 << 20) - 8)
    with path.open("wb") as file:
        for start in range(0, size, 1 << 20):
            file.write((start.to_bytes(8, "big") + block)[: size - start])


def digest(root: Path) -> dict[str, str]:
    """Every regular file below `root`, by relative path, with the hash of its bytes."""
    return {
        str(path.relative_to(root)): _hash(path)
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def total_size(root: Path) -> int:
    """The bytes of all regular files."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()
