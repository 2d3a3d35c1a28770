"""Where the folder lies while it is crashed: a plain directory, an ext4 image whose power can be
cut, or a small tmpfs. What is mounted here is unmounted here, whatever happens."""

import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

IMAGE_BYTES = 192 << 20
UNMOUNT_S = 10
MEMORY = "/dev/shm"
MEMORY_BYTES_MIN = 256 << 20


class Unsupported(Exception):
    """This machine cannot do it; the reason."""


def sockets(folder, names):
    """For shutil.copytree: what a killed owner left of its socket is no data."""
    return [n for n in names if stat.S_ISSOCK(os.lstat(os.path.join(folder, n)).st_mode)]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def need(*programs):
    if os.geteuid() != 0:
        raise Unsupported("not root")
    for program in programs:
        if not shutil.which(program):
            raise Unsupported(f"no {program}")


def make_aside(in_memory, prefix="varve-crash-"):
    """A directory for one run. What a killed process had written stays in memory anyway, so a
    folder
    in memory loses nothing that a disk would keep, and leaves more time for crashes."""
    where = None
    if in_memory and os.path.isdir(MEMORY) and os.access(MEMORY, os.W_OK):
        room = os.statvfs(MEMORY)
        where = MEMORY if room.f_bavail * room.f_frsize >= MEMORY_BYTES_MIN else None
    return Path(tempfile.mkdtemp(prefix=prefix, dir=where))


class PlainDisk:
    """A process is killed; the system keeps what it has written."""

    name = "kill9"
    load_seconds = 0.7
    orderly_share = 0.1

    def __init__(self, aside):
        self.aside = aside
        self.data = aside / "data"
        self.kept = False

    def clear(self):
        shutil.rmtree(self.data, ignore_errors=True)

    def crash(self, server):
        server.kill()

    def keep_copy(self):
        """As it is before an open changes it."""
        copy = self.aside / "before"
        shutil.rmtree(copy, ignore_errors=True)
        if self.data.exists():
            shutil.copytree(self.data, copy, copy_function=self.keep_file, ignore=sockets)

    def keep_file(self, source, target):
        """Segments and tables never change once they are written."""
        if source.endswith((".seg", ".sst")):
            os.link(source, target)
        else:
            shutil.copyfile(source, target)

    def keep_for_people(self):
        self.kept = True
        return self.aside

    def close(self):
        if not self.kept:
            shutil.rmtree(self.aside, ignore_errors=True)


class PowerDisk(PlainDisk):
    """An ext4 on a file. A cut drops everything that was not on stable storage, names included."""

    name = "powerloss"
    load_seconds = 1.2
    orderly_share = 0.0

    def __init__(self, aside):
        super().__init__(aside)
        need("mkfs.ext4", "mount", "umount", "xfs_io")
        self.image, self.mount = aside / "disk.img", aside / "disk"
        self.data = self.mount / "data"
        self.mounted = False
        self.mount.mkdir()
        try:
            self.clear()
        except OSError as error:
            self.close()
            raise Unsupported(f"no loop device: {error}") from error

    def keep_copy(self):
        """Another disk: no links, and no time to spare."""

    def attach(self):
        run("mount", "-o", "loop", str(self.image), str(self.mount))
        self.mounted = True

    def detach(self):
        """A process that was killed may hold its files for a moment longer, and so may whoever
        looks at all mounts."""
        if not self.mounted:
            return
        last = time.monotonic() + UNMOUNT_S
        while True:
            try:
                run("umount", str(self.mount))
                break
            except OSError:
                if time.monotonic() > last:
                    raise
                time.sleep(0.1)
        self.mounted = False

    def clear(self):
        self.detach()
        with open(self.image, "wb") as image:
            image.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-F", str(self.image))
        self.attach()

    def crash(self, server):
        """The power first: what the process does afterwards reaches no disk."""
        run("xfs_io", "-x", "-c", "shutdown", str(self.mount))
        server.kill()
        self.detach()
        self.attach()

    def close(self):
        try:
            self.detach()
        except OSError:
            run("umount", "-l", str(self.mount))
            self.mounted = False
        super().close()


class SmallDisk:
    """A tmpfs of a few MiB."""

    def __init__(self, size_bytes):
        need("mount", "umount")
        self.path = Path(tempfile.mkdtemp(prefix="varve-full-"))
        self.mounted = False
        try:
            run("mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(self.path))
            self.mounted = True
        except OSError as error:
            self.close()
            raise Unsupported(f"no tmpfs: {error}") from error

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "-l", str(self.path)], check=False)
            self.mounted = False
        self.path.rmdir()
