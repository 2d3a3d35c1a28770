"""Shared fixtures: one server for tests that only need a collection, servers of their own for the
others."""

import itertools

import pytest

from backups import Backups
from server import Collection, Server

counter = itertools.count()


@pytest.fixture(scope="session")
def shared():
    server = Server()
    yield server
    server.done()


@pytest.fixture
def client(shared):
    client = shared.client()
    yield client
    client.close()


@pytest.fixture
def database(client):
    name = f"db{next(counter)}"
    assert client.post("/create_database", {"database_name": name})[0] == 200
    return name


@pytest.fixture
def make(client, database):
    """make(name="c", **arguments of /required_collection) -> Collection"""

    def make(name="c", **arguments):
        collection = Collection(client, database, name)
        collection.ok("required_collection", **arguments)
        return collection

    return make


@pytest.fixture
def own_server():
    """own_server(*flags) -> Server that the test may stop, kill and start again"""
    servers = []

    def start(*flags):
        servers.append(Server(*flags))
        return servers[-1]

    yield start
    for server in servers:
        server.done()


@pytest.fixture
def collection_on():
    """collection_on(server, **arguments) -> Collection "d"/"c" over a new connection"""
    clients = []

    def make(server, name="c", **arguments):
        client = server.client()
        clients.append(client)
        assert client.post("/create_database", {"database_name": "d"})[0] == 200
        collection = Collection(client, "d", name)
        collection.ok("required_collection", **arguments)
        return collection

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def backups(tmp_path):
    """backups(*flags, …) -> Backups on the folder tmp_path/repo"""
    open_ones = []

    def start(*flags, repo=tmp_path / "repo", **more):
        open_ones.append(Backups(repo, *flags, **more))
        return open_ones[-1]

    yield start
    for one in reversed(open_ones):
        one.done()
