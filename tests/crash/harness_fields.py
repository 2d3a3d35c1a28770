"""Named vectors under crashes: fields of each kind that all clients use, and one of each client
that comes and goes; and what was found of them afterwards, beside the rows and through the indexes
of fields."""

import zlib

from harness_model import DELETED, DIM, LIVE, Row, key_text

DENSE, SPARSE, MULTI = "title", "words", "parts"
SPECS = {
    DENSE: {"dim": 3, "metric": "l2"},
    SPARSE: {"kind": "sparse"},
    MULTI: {"kind": "multi", "dim": 3},
}
OWN_SPEC = {"dim": 3, "metric": "ip"}
OWN = "@"   # stands for the fields that come and go
COMMON = 7  # an index that every sparse vector has


def own_field(number):
    return f"own-{number}"


def create_fields(client, names):
    for field, spec in SPECS.items():
        client.ask("/create_vector_field", field_name=field, **spec, **names)


def named_of(field, key, version):
    """What version `version` of this row's vector is, as the server tells it."""
    number = zlib.crc32(key_text(key).encode()) & 0xFFFF
    dense = [float(version & 0xFFFF), float(version >> 16), float(number)]
    if field == SPARSE:
        return {"indices": [COMMON, 100 + version % 50, 1000 + number],
                "values": [1.0, float(version), 0.5]}
    if field == MULTI:
        return [[*dense[:2], float(number + part)] for part in range(1 + version % 3)]
    return dense


def version_of(field, vector):
    if field == SPARSE:
        return int(vector["values"][1])
    first = vector[0] if field == MULTI else vector
    return int(first[0]) + (int(first[1]) << 16)


class FieldLoad:
    """Operations of a client (harness_load.Load) on named vectors."""

    def fields_now(self, collection):
        fields = list(SPECS)
        if self.mixed == collection and (OWN, own_field(self.number)) in self.model.rows:
            fields.append(own_field(self.number))
        return fields

    def put_named(self, path, collection, field, keys, expect=200):
        if field == SPARSE:
            path = "/add_sparse_vectors"  # which replaces
        version, step = self.model.version(), {}
        vectors = [named_of(field, key, version) for key in keys]
        for key in keys:
            row = self.model.rows.get((collection, key))
            step[(collection, key)] = row.with_named(field, version) if row else None
        body = {**self.names(collection), "field_name": field, "ids": keys,
                "multi_vectors" if field == MULTI else "vectors": vectors}
        steps = [step] if expect == 200 else []
        self.request(steps, lambda: self.client.post(path, body), expect)

    def named(self, collection, field, keys, there):
        """Those that have, or have not, a vector in the field."""
        return [k for k in keys
                if (self.model.rows[(collection, k)].version_in(field) is not None) == there]

    def add_named(self):
        collection = self.random.choice(self.collections)
        field = self.random.choice(self.fields_now(collection))
        keys = self.named(collection, field, self.pick(collection, {LIVE}, 60), False)
        if keys:
            self.put_named("/add_named_vectors", collection, field, keys)

    def add_named_conflict(self):
        """Refused as a whole: one of them has a vector, or is no live row."""
        collection = self.random.choice(self.collections)
        field = self.random.choice((DENSE, MULTI))
        keys = self.pick(collection, {LIVE}, 60)
        free = self.named(collection, field, keys, False)
        wrong = (self.named(collection, field, keys, True)[:1]
                 or self.pick(collection, {None, DELETED}, 1))
        if free and wrong:
            self.put_named("/add_named_vectors", collection, field, free + wrong, 400)

    def update_named(self):
        collection = self.random.choice(self.collections)
        field = self.random.choice(self.fields_now(collection))
        keys = self.pick(collection, {LIVE}, 40)
        if keys:
            self.put_named("/update_named_vectors", collection, field, keys)

    def delete_named(self):
        collection = self.random.choice(self.collections)
        field = self.random.choice(self.fields_now(collection))
        keys, step = self.pick(collection, {LIVE}, 30), {}
        for key in keys:
            step[(collection, key)] = self.model.rows[(collection, key)].with_named(field, None)
        if keys:
            body = {**self.names(collection), "field_name": field, "ids": keys}
            self.request([step], lambda: self.client.post("/delete_named_vectors", body))

    def come_and_go(self):
        """A field of its own: made, or dropped with all its vectors, of deleted rows too."""
        field = own_field(self.number)
        body = {**self.names(self.mixed), "field_name": field}
        step = {(OWN, field): Row(LIVE, 0, None)}
        if (OWN, field) not in self.model.rows:
            path, body = "/create_vector_field", {**body, **OWN_SPEC}
        else:
            path, step = "/drop_vector_field", {(OWN, field): None}
            for key, row in self.model.rows.items():
                if row.version_in(field) is not None:
                    step[key] = row.with_named(field, None)
        self.request([step], lambda: self.client.post(path, body))


# ---- what is there


def read_fields(client, names, collection, found):
    """Named vectors of the live rows of found, into it; own fields that are there, as rows."""
    listed = client.ask("/list_vector_fields", details=True, **names)["fields"]
    keys = [key for (_, key), row in found.items() if row.state == LIVE]
    own = {}
    for field in listed[1:]:
        name, rows = field["name"], 0
        if name not in SPECS:
            own[(OWN, name)] = Row(LIVE, 0, None)
        if keys:
            got = client.ask("/get_named_vectors", field_name=name, ids=keys, **names)["vectors"]
            for key, vector in zip(keys, got):
                if vector is None:
                    continue
                rows += 1
                version = version_of(name, vector)
                if vector != named_of(name, key, version):
                    version = f"vector {vector}"
                row = found[(collection, key)]
                found[(collection, key)] = row.with_named(name, version)
        if rows != field["rows"]:
            raise RuntimeError(f"{collection}: {field['rows']} rows have {name}, {rows} are read")
    return own


def check_field_views(verdict, client, names, collection, found):
    """Filters, texts and searches of named vectors find the rows that the rows themselves say."""
    live = {key: row for (_, key), row in found.items() if row.state == LIVE}
    if not live:
        return
    all_of_them = len(live) + 10

    def expect(what, keys, ids):
        if sorted(map(key_text, ids)) != sorted(map(key_text, keys)):
            verdict.add("wrong", f"{collection}: {what} finds {len(ids)} rows, {len(keys)} are")

    with_fields = [key for key, row in live.items() if row.fields_version is not None]
    text = client.ask("/bm25_search", text="version", k=all_of_them, **names)["items"]
    expect("a text search", with_fields, text["ids"])
    middle = sorted(live[key].fields_version for key in with_fields)[len(with_fields) // 2:][:1]
    if middle:
        late = [key for key in with_fields if live[key].fields_version >= middle[0]]
        answer = client.ask("/search", vector=[0.0] * DIM, k=all_of_them,
                            where=f"version >= {middle[0]}", **names)
        expect("a filter", late, answer["items"]["ids"])
    for field, query in ((DENSE, [0.0] * 3), (MULTI, [[1.0, 0.0, 0.0]])):
        keys = [key for key, row in live.items() if row.version_in(field) is not None]
        answer = client.ask("/search", vector=query, vector_field=field, k=all_of_them, **names)
        expect(f"a search of {field}", keys, answer["items"]["ids"])
    keys = [key for key, row in live.items() if row.version_in(SPARSE) is not None]
    answer = client.ask("/sparse_search", vector_field=SPARSE, k=all_of_them,
                        vector={"indices": [COMMON], "values": [1.0]}, **names)
    expect("a sparse search", keys, answer["items"]["ids"])
