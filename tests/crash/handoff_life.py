"""One life of an owner with its compactor, and what is looked at afterwards. Only processes that
were started here, or by those, are ended, each by its own id."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

OWNER = os.environ.get("VARVE_HANDOFF_OWNER", "")
COMPACTOR = os.environ.get("VARVE_COMPACTOR", "")
GONE_SECONDS = 10
CHECK_SECONDS = 60
STEPS_AFTER = 15


class Wrong(Exception):
    """Something that must not happen."""


def fault_script(folder, fault):
    """A compactor whose first process dies at the fault; later ones are as usual. Each start leaves
    a file behind."""
    path = folder / "compactor"
    export = f'VARVE_FAULT="{fault}"; export VARVE_FAULT'
    path.write_text(
        "#!/bin/sh\n"
        f'mkdir -p "{folder}/starts" && : > "{folder}/starts/$$"\n'
        f'if mkdir "{folder}/armed" 2>/dev/null; then {export}; fi\n'
        f'exec "{COMPACTOR}" "$@"\n')
    path.chmod(0o755)
    return path


def children_of(pid):
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        for task in Path(f"/proc/{pid}/task").iterdir():
            if task.name != str(pid):
                text += " " + (task / "children").read_text()
        return sorted({int(word) for word in text.split()})
    except OSError:
        return []


def start_time(pid):
    """Tells a process from a later one of the same id; None: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class Life:
    def __init__(self, folder, seed, owner_fault=None, compactor=None):
        self.folder, self.seed, self.fault = folder, seed, owner_fault
        self.compactor = compactor or COMPACTOR
        self.opened, self.hit, self.answered, self.jobs_failed = threading.Event(), False, 0, 0
        self.process = self.reader = None
        self.seen = {}  # pid -> start time, of compactors

    @staticmethod
    def new_state(path):
        subprocess.run([OWNER, "new", str(path)], check=True)

    # ---- the process

    def start(self, steps):
        read_end, write_end = os.pipe()
        with open(self.folder.path / "stderr", "wb") as stderr:
            self.process = subprocess.Popen(
                [OWNER, "work", str(self.folder.data), str(self.folder.state), str(self.seed),
                 str(self.compactor), str(write_end), str(steps)]
                + ([self.fault] if self.fault else []),
                pass_fds=(write_end,), stdin=subprocess.PIPE, stderr=stderr,
                stdout=subprocess.DEVNULL)
        os.close(write_end)
        self.reader = threading.Thread(target=self.read, args=(read_end,), daemon=True)
        self.reader.start()

    def read(self, read_end):
        """What the owner says, until nobody can say anything any more."""
        with open(read_end, encoding="ascii") as lines:
            for line in lines:
                words = line.split()
                if line.endswith("\n") and words[0] == "step":
                    self.answered = int(words[1])
                if line.endswith("\n") and words[0] == "jobs_failed":
                    self.jobs_failed = int(words[1])
                self.hit |= words[0] == "hit"
                self.opened.set()
        self.opened.set()

    def wait_open(self):
        if not self.opened.wait(60):
            raise Wrong("the owner does not open its folder in time")

    def look(self):
        """Compactors of the owner that run now."""
        running = []
        for pid in children_of(self.process.pid):
            began = start_time(pid)
            if began is not None:
                self.seen[pid] = began
                running.append(pid)
        return running

    def kill_compactor(self):
        for pid in self.look():
            try:
                os.kill(pid, signal.SIGKILL)
                return True
            except ProcessLookupError:
                pass
        return False

    def kill(self):
        if self.process and self.process.poll() is None:
            self.look()
            self.process.kill()

    def tell_to_end(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()

    def wait(self, seconds, enough=None):
        """The exit code; compactors that come and go meanwhile are noted. Once enough() is true,
        some more steps are let by."""
        until, last = time.monotonic() + seconds, None
        while self.process.poll() is None:
            if enough and last is None and enough():
                last = self.answered + STEPS_AFTER
            if last is not None and self.answered >= last:
                self.tell_to_end()
            if time.monotonic() > until:
                raise Wrong(f"the owner does not end: {self.answered} steps, {self.stderr()}")
            self.look()
            time.sleep(0.01)
        self.reader.join(10)
        return self.process.returncode

    def stderr(self):
        return (self.folder.path / "stderr").read_text(errors="replace").strip()[-600:]

    # ---- afterwards

    def await_compactors_gone(self):
        """A compactor does not outlive its owner."""
        until = time.monotonic() + GONE_SECONDS
        while True:
            alive = [pid for pid, began in self.seen.items() if start_time(pid) == began]
            if not alive:
                return
            if time.monotonic() > until:
                for pid in alive:
                    os.kill(pid, signal.SIGKILL)
                raise Wrong(f"compactor {alive} still runs {GONE_SECONDS} s after its owner")
            time.sleep(0.01)

    def compactor_starts(self):
        starts = self.folder.path / "starts"
        return len(list(starts.iterdir())) if starts.exists() else 0


def check_files(folder, said):
    """Sizes of the files that are there against what the manifest names; the collection's vector
    fields have folders of their own beside its own."""
    path, found = Path(said["path"]).parent, {"seg": [], "idx": [], "other": []}
    for file in path.glob("*/*"):
        kind = file.suffix[1:] if file.suffix in (".seg", ".idx") else "other"
        found[kind].append((file.name, file.stat().st_size))
    wrong = []
    if found["other"]:
        wrong.append(f"leftovers in segments: {found['other']}")
    if len(found["seg"]) != int(said["segments"]):
        wrong.append(f"{len(found['seg'])} segment files, {said['segments']} segments")
    for kind, total in (("seg", "segment_bytes"), ("idx", "index_bytes")):
        size = sum(size for _, size in found[kind])
        if size != int(said[total]):
            wrong.append(f"{kind} files of {size} bytes, {said[total]} in the manifest: "
                         f"{found[kind]}")
    work = folder.data / "work"
    desks = sorted(p.name for p in work.iterdir()) if work.exists() else []
    if desks:
        wrong.append(f"leftovers in work: {desks}")
    if wrong:
        raise Wrong("; ".join(wrong))


def check(folder, seed, answered):
    """The folder holds what was answered; the state for the next life is written."""
    try:
        done = subprocess.run(
            [OWNER, "check", str(folder.data), str(folder.state), str(seed), str(answered)],
            capture_output=True, text=True, timeout=CHECK_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Wrong("the check does not end") from error
    if done.returncode != 0:
        raise Wrong(f"seed {seed}, {answered} steps, check {done.returncode}: "
                    f"{done.stdout.strip()} {done.stderr.strip()}")
    check_files(folder, dict(line.split(" ", 1) for line in done.stdout.splitlines()))
