/* verb_backup.c — `varve backup`: the actions on backup repositories; each has its own file. */
#include "verb.h"

static const flag flags[] = {{NULL, 0, NULL, NULL}};

const verb verb_backup = {
    "backup",
    "Snapshots in a repository on a folder or S3",
    "create|list|info|diff|verify|drill|prune|forget|restore|restore-collection|ship|log|"
    "check-repo",
    "A repository lies in a folder or under s3://BUCKET/PREFIX. Flags or AWS_ACCESS_KEY_ID,\n"
    "AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE,\n"
    "AWS_SHARED_CREDENTIALS_FILE and AWS_CA_BUNDLE say how to reach a bucket,\n"
    "VARVE_BACKUP_PASSPHRASE or --key-file unlocks an encrypted repository.",
    flags,
    verb_run_action};
