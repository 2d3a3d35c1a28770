// peer_xapian.cc — see peer_xapian.h. BM25 with k1 1.2 and b 0.75, as ours by default; its weight of
// a rare term differs by the 1 that ours adds inside the logarithm. No exception leaves this file.
#include "peer_xapian.h"

#include <xapian.h>

#include <memory>
#include <string>
#include <vector>

struct xapian {
    std::string folder;
    std::unique_ptr<Xapian::WritableDatabase> writer;
    std::unique_ptr<Xapian::Database> reader;
};

extern "C" xapian *xapian_new(const char *folder)
{
    try {
        auto x = std::make_unique<xapian>();
        x->folder = folder;
        x->writer = std::make_unique<Xapian::WritableDatabase>(
            folder, Xapian::DB_CREATE_OR_OVERWRITE | Xapian::DB_NO_SYNC);
        return x.release();
    } catch (...) {
        return nullptr;
    }
}

extern "C" int xapian_add(xapian *x, const xapian_text *tokens, size_t count)
{
    try {
        Xapian::Document d;
        for (size_t i = 0; i < count; i++)
            if (tokens[i].len < 240) d.add_term(std::string(tokens[i].data, tokens[i].len));
        x->writer->add_document(d);
        return 0;
    } catch (...) {
        return 1;
    }
}

extern "C" int xapian_finish(xapian *x)
{
    try {
        x->writer->commit();
        x->writer.reset();
        x->reader = std::make_unique<Xapian::Database>(x->folder);
        return 0;
    } catch (...) {
        return 1;
    }
}

extern "C" int xapian_search(xapian *x, const xapian_text *terms, const unsigned *counts,
                             size_t count, size_t k, size_t *ret_rows)
{
    try {
        std::vector<Xapian::Query> parts;
        for (size_t i = 0; i < count; i++)
            parts.emplace_back(std::string(terms[i].data, terms[i].len), counts[i]);
        Xapian::Enquire enquire(*x->reader);
        enquire.set_weighting_scheme(Xapian::BM25Weight(1.2, 0, 1e6, 0.75, 0));
        enquire.set_query(Xapian::Query(Xapian::Query::OP_OR, parts.begin(), parts.end()));
        Xapian::MSet found = enquire.get_mset(0, k);
        int n = 0;
        for (auto i = found.begin(); i != found.end(); ++i)
            ret_rows[n++] = *i - 1;
        return n;
    } catch (...) {
        return -1;
    }
}

extern "C" void xapian_free(xapian *x) { delete x; }
