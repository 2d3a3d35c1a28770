// peer_hnsw.cc — see peer_hnsw.h. No exception leaves this file.
#include "peer_hnsw.h"

#include <hnswlib/hnswlib.h>

struct hnsw {
    hnswlib::L2Space space;
    hnswlib::BruteforceSearch<float> rows;
    hnsw(size_t dim, size_t rows_max) : space(dim), rows(&space, rows_max) {}
};

extern "C" hnsw *hnsw_new(size_t dim, size_t rows_max)
{
    try {
        return new hnsw(dim, rows_max);
    } catch (...) {
        return nullptr;
    }
}

extern "C" int hnsw_add(hnsw *h, const float *vector, size_t label)
{
    try {
        h->rows.addPoint(vector, label);
        return 0;
    } catch (...) {
        return 1;
    }
}

extern "C" int hnsw_search(hnsw *h, const float *query, size_t k, float *ret_nearest)
{
    try {
        auto found = h->rows.searchKnn(query, k);
        while (found.size() > 1)
            found.pop();
        *ret_nearest = found.empty() ? 0 : found.top().first;
        return 0;
    } catch (...) {
        return 1;
    }
}

extern "C" void hnsw_free(hnsw *h) { delete h; }
