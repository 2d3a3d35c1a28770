"""The failure table of the hand-off between owner and compactor, row by row: the points at which a
process ends. Points are those of engine/db/compaction.h, compactor/ and engine/base/file.c."""

from collections import namedtuple

# times: the point strikes when it is passed for the 1st, 2nd … time, one life each
# steps: of the load
Case = namedtuple("Case", "side point kind times steps", defaults=("crash", (1, 2, 5), 250))
Row = namedtuple("Row", "name cases")


def owner(*points, **options):
    return [Case("owner", point, **options) for point in points]


def compactor(*points, **options):
    return [Case("compactor", point, **options) for point in points]


TABLE = [
    Row("owner, sealing: temporary half written, before or after its sync, before the rename",
        owner("file.write", "file.sync", "file.rename", times=range(1, 5))),
    Row("owner, sealing: after the rename, before the manifest's batch",
        owner("file.sync_dir", times=range(1, 5)) + owner("store.write", times=range(1, 7))),
    Row("owner: after the output numbers were reserved, desk and job made or not",
        owner("compact.reserved", "compact.desk", "compact.pinned", "compact.sent")),
    Row("owner: proposal received or verified, files moved or not, batch not written",
        owner("compact.proposed", "compact.verified", "compact.moving", "compact.moved",
              "compact.before_batch")),
    Row("owner: after the batch, before the inputs are unlinked",
        owner("compact.after_batch", "compact.published", "compact.unlinked",
              "compact.desk_removed")),
    Row("owner: deleted rows given up, before and after that batch; the erasing behind it",
        owner("purge.before_batch", "purge.after_batch", "compact.erasing")),
    Row("compactor: any point before it proposes",
        compactor("compactor.begin", "compactor.inputs_open", "compactor.merged",
                  "compactor.indexed", "compactor.checked", "compactor.before_propose")
        + compactor("file.write", "file.sync", "file.rename", "file.sync_dir", times=(1, 2, 3, 9))),
    Row("compactor: after it proposed, before and after the answer",
        compactor("compactor.after_propose", "compactor.adopted")),
    Row("a step of the owner fails and does not crash: the job is given up and done anew",
        owner("compact.desk", "compact.reserved", "compact.pinned", "compact.sent",
              "compact.proposed", "compact.verified", "compact.moving", "compact.moved",
              "compact.before_batch", kind="eio", times=(1, 3))),
    Row("a step of the compactor fails and does not crash: it says so, and the job is done anew",
        compactor("compactor.begin", "compactor.inputs_open", "compactor.merged",
                  "compactor.indexed", "compactor.checked", "file.write", "file.sync",
                  "file.rename", kind="eio", times=(1, 3))),
]
