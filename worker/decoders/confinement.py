"""What a decoder process takes from itself before it sees a photo: rights, descriptors and memory."""

import ctypes
import mmap
import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path

# From Linux's <sys/prctl.h>
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
MOST_DESCRIPTORS = 16
SACRIFICE = 1000  # the most: if the machine runs out of memory, the kernel ends a decoder first
PAGE = os.sysconf("SC_PAGE_SIZE")


def confine(keep: Mapping[int, int], largest_file: int, parent: int) -> None:
    """Take everything from this process but the descriptors to `keep`, given as new number: old one.

    It ends with its parent, gains no rights, dumps no core, and other processes cannot look into it.
    """
    _keep_descriptors(keep)
    end_with(parent)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, largest_file),
        (resource.RLIMIT_NOFILE, MOST_DESCRIPTORS),
    ):
        resource.setrlimit(limit, (most, most))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    hide_process()


def end_with(parent: int) -> None:
    """Let the kernel end this process when the thread of its parent that started it ends."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that call
        os._exit(1)


def offer_to_die_first() -> None:
    """Let the kernel end this process, or one forked from it, when the machine runs out of memory."""
    Path("/proc/self/oom_score_adj").write_text(str(SACRIFICE))


def hide_process() -> None:
    """Keep other processes of this user out of this one's memory and environment. It dumps no core."""
    _prctl(PR_SET_DUMPABLE, 0)


def _keep_descriptors(keep: Mapping[int, int]) -> None:
    above = max([*keep, *keep.values()]) + 1
    spare = {new: os.dup2(old, above + new, inheritable=False) for new, old in keep.items()}
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    for new, copy in spare.items():
        os.dup2(copy, new)
    os.closerange(max(keep) + 1, os.sysconf("SC_OPEN_MAX"))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


class AddressSpace:
    """The memory of this process, bounded anew for each photo. An allocation beyond that fails."""

    def __init__(self, most: int) -> None:
        """`most`: bytes that any photo may take."""
        self._pages = os.open("/proc/self/statm", os.O_RDONLY)
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)  # only glibc has it
        self._initial = self._used()
        self._most = self._initial + most
        resource.setrlimit(resource.RLIMIT_AS, (self._most, self._most))

    def limit(self, most: int) -> None:
        """Let the process grow by so many bytes at most, counted from its start."""
        resource.setrlimit(resource.RLIMIT_AS, (min(self._initial + most, self._most), self._most))

    def shrink_to(self, most: int) -> bool:
        """Return memory that earlier photos left free. Whether the process has grown by `most` bytes at most."""
        if self._used() - self._initial > most:
            self._trim(0)
        return self._used() - self._initial <= most

    def could_take(self, size: int) -> bool:
        """Whether the machine would give so many bytes."""
        self.limit(self._most - self._initial)
        try:
            mmap.mmap(-1, max(1, size - (self._used() - self._initial))).close()
        except OSError:
            return False
        return True

    def _used(self) -> int:
        return int(os.pread(self._pages, 32, 0).split()[0]) * PAGE
