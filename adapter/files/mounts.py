"""Which file systems of the kernel's own are no data: /proc, /sys and their like."""

import os
from collections.abc import Mapping
from pathlib import Path

_KERNEL = frozenset(
    [
        *("binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "fusectl"),
        *("hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs"),
        "tracefs",
    ]
)
"""Types of which files are made while they are read, have no size, or never end (proc(5), sysfs(5))."""


def kernel_file_systems(mountinfo: Path = Path("/proc/self/mountinfo")) -> Mapping[int, str]:
    """Return the type of each mounted file system of the kernel's own, by device number (`st_dev`).

    Empty where the system does not tell.
    """
    try:
        lines = mountinfo.read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[int, str] = {}
    for line in lines:
        before, _, after = line.partition(b" - ")
        numbers = before.split()[2:3]
        kind = after.split()[:1]
        if numbers and kind and (name := kind[0].decode("ascii", "replace")) in _KERNEL:
            major, _, minor = numbers[0].partition(b":")
            found[os.makedev(int(major), int(minor))] = name
    return found
