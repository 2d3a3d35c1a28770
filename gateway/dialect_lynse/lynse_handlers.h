/* lynse_handlers.h — the routes of the lynse dialect: LynseDB 0.8's HTTP contract, and /bulk.
 * Every handler answers 200 {"status":"success","params":{…}} or its binary form, or an error.
 * Threads  any number at once; handlers keep nothing between requests. */
#ifndef LYNSE_HANDLERS_H
#define LYNSE_HANDLERS_H

#include "handler.h"

/* databases */
http_handler lynse_root, lynse_create_database, lynse_drop_database, lynse_delete_database,
    lynse_database_exists, lynse_list_databases;

/* collections */
http_handler lynse_required_collection, lynse_drop_collection, lynse_show_collections,
    lynse_show_collections_details, lynse_is_collection_exists, lynse_get_collection_config,
    lynse_update_collection_description, lynse_update_description, lynse_collection_shape,
    lynse_stats, lynse_get_collection_path, lynse_list_fields, lynse_commit, lynse_flush,
    lynse_checkpoint, lynse_close_collection;

/* rows in */
http_handler lynse_add, lynse_upsert, lynse_delete, lynse_restore;

/* rows out */
http_handler lynse_list_deleted_ids, lynse_is_id_exists, lynse_max_id, lynse_head, lynse_tail,
    lynse_query, lynse_query_vectors, lynse_read_by_only_id;

/* rows by filter */
http_handler lynse_count, lynse_facets, lynse_scroll;

/* fields of vectors */
http_handler lynse_create_vector_field, lynse_list_vector_fields, lynse_drop_vector_field,
    lynse_build_vector_field_index, lynse_remove_vector_field_index, lynse_add_named_vectors,
    lynse_update_named_vectors, lynse_get_named_vectors, lynse_delete_named_vectors,
    lynse_add_sparse_vectors;

/* index and search */
http_handler lynse_build_index, lynse_remove_index, lynse_index_mode, lynse_compact, lynse_search,
    lynse_batch_search, lynse_search_range, lynse_search_profile, lynse_bm25_search,
    lynse_text_search, lynse_sparse_search, lynse_hybrid_search, lynse_recall;

/* snapshots and exports */
http_handler lynse_snapshot_database, lynse_restore_database, lynse_snapshot_collection,
    lynse_restore_collection, lynse_export_collection, lynse_import_collection;

/* binary */
http_handler lynse_search_binary, lynse_batch_search_binary, lynse_head_binary, lynse_tail_binary,
    lynse_bulk_add_binary, lynse_add_records_binary, lynse_upsert_records_binary;

/* streamed */
http_handler lynse_bulk;

#endif
