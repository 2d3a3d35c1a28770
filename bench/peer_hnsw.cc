// peer_hnsw.cc — see peer_hnsw.h and peer_graph.h; only one file of a program can include hnswlib.
// No exception leaves this file.
#include "peer_hnsw.h"

#include "peer_graph.h"

#include <hnswlib/hnswlib.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

// ---- exact search

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

// ---- the graph

static std::unique_ptr<hnswlib::SpaceInterface<float>> space_of(peer_space space, size_t dim)
{
    if (space == PEER_SPACE_L2) return std::make_unique<hnswlib::L2Space>(dim);
    return std::make_unique<hnswlib::InnerProductSpace>(dim);
}

struct peer_graph {
    static constexpr size_t M = 16, EF_CONSTRUCTION = 200;
    peer_space space;
    size_t dim;
    std::unique_ptr<hnswlib::SpaceInterface<float>> distance;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> rows;
    std::vector<float> scaled; // the query of a cosine search, at length 1

    peer_graph(peer_space s, size_t d) : space(s), dim(d), distance(space_of(s, d)), scaled(d) {}

    // At length 1 where directions are compared, else as it is.
    const float *in_space(const float *vector, float *room) const
    {
        if (space != PEER_SPACE_COSINE) return vector;
        float length = 0;
        for (size_t i = 0; i < dim; i++)
            length += vector[i] * vector[i];
        length = length > 0 ? std::sqrt(length) : 1;
        for (size_t i = 0; i < dim; i++)
            room[i] = vector[i] / length;
        return room;
    }

    void add(const float *vectors, std::atomic<size_t> &next, size_t count)
    {
        std::vector<float> room(dim);
        for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1))
            rows->addPoint(in_space(vectors + i * dim, room.data()), i);
    }
};

static bool add_all(peer_graph *g, const float *vectors, size_t count, size_t threads)
{
    std::atomic<size_t> next{1}, failed{0};
    std::vector<std::thread> others;
    auto work = [&] {
        try {
            g->add(vectors, next, count);
        } catch (...) {
            failed++;
        }
    };
    g->rows->addPoint(g->in_space(vectors, g->scaled.data()), 0);
    for (size_t i = 1; i < threads; i++)
        others.emplace_back(work);
    work();
    for (auto &thread : others)
        thread.join();
    return failed == 0;
}

extern "C" peer_graph *peer_graph_build(peer_space space, size_t dim, const float *rows,
                                        size_t count, size_t threads)
{
    try {
        auto g = std::make_unique<peer_graph>(space, dim);
        g->rows = std::make_unique<hnswlib::HierarchicalNSW<float>>(
            g->distance.get(), count, peer_graph::M, peer_graph::EF_CONSTRUCTION);
        return add_all(g.get(), rows, count, threads) ? g.release() : nullptr;
    } catch (...) {
        return nullptr;
    }
}

extern "C" int peer_graph_save(peer_graph *g, const char *path)
{
    try {
        g->rows->saveIndex(path);
        return 0;
    } catch (...) {
        return 1;
    }
}

extern "C" peer_graph *peer_graph_load(peer_space space, size_t dim, const char *path)
{
    try {
        auto g = std::make_unique<peer_graph>(space, dim);
        g->rows = std::make_unique<hnswlib::HierarchicalNSW<float>>(g->distance.get(), path);
        return g.release();
    } catch (...) {
        return nullptr;
    }
}

extern "C" int peer_graph_search(peer_graph *g, const float *query, size_t k, size_t ef,
                                 uint64_t *ret_rows)
{
    try {
        g->rows->setEf(ef);
        auto found = g->rows->searchKnn(g->in_space(query, g->scaled.data()), k);
        size_t count = found.size();
        for (size_t i = count; i-- > 0; found.pop())
            ret_rows[i] = found.top().second;
        return static_cast<int>(count);
    } catch (...) {
        return -1;
    }
}

extern "C" void peer_graph_free(peer_graph *g) { delete g; }
