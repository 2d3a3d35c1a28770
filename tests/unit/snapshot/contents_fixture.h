/* contents_fixture.h — fixture.h with manifests that say all of what the folder holds: digests,
 * schemas and golden searches. */
#ifndef SNAPSHOT_CONTENTS_FIXTURE_H
#define SNAPSHOT_CONTENTS_FIXTURE_H

#include "fixture.h"

#include "contents.h"

/* What the folder holds goes through `change`, if not NULL, before it goes into the manifest. */
static inline backup_result contents_backup(fixture *f, void (*change)(manifest_collection *items,
                                                                       size_t count))
{
    contents all = {0};
    backup_result result = {0};
    backup_options options = fixture_backup_options(f);
    must(contents_read(f->folder, NULL, &all, err));
    if (change) change(all.items, all.count);
    options.collections = all.items;
    options.collection_count = all.count;
    must(backup_run(f->repo, &options, &result, err));
    contents_done(&all);
    return result;
}

#endif
