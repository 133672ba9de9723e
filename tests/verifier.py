#!/usr/bin/env python3
"""A second verifier of the ledger's proofs: standard library only, written from docs/proof-format.md, sharing no line with the first.

    verifier.py proof FILE --verifier-key KEY
    verifier.py note FILE --verifier-key KEY
    verifier.py copy --verifier-key KEY --checkpoint FILE --entries FILE (--postgres FILE | --kafka FILE)
    verifier.py tiles URL --verifier-key KEY --bearer KEY

Prints one JSON object, and ends with 0 only if everything holds. It trusts one key: a checkpoint that another key signed, even one that
the log names, is refused, for the checkpoint of the hand-over is not at hand here.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
import urllib.request
from typing import Any, Iterable, Iterator

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
HEX = re.compile(r"[0-9a-f]{64}")
NUMBER = re.compile(r"0|[1-9][0-9]*")


class Wrong(Exception):
    """Something does not hold."""


def need(holds: bool, what: str) -> None:
    """Ends everything with `what` unless it holds."""
    if not holds:
        raise Wrong(what)


# Ed25519 by RFC 8032, section 5.1: a point is (X, Y, Z, T) with x = X/Z, y = Y/Z, x·y = T/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def add(one: Point, other: Point) -> Point:
    """The sum of two points."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar: int, point: Point) -> Point:
    """A point, so many times."""
    product: Point = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            product = add(product, point)
        point = add(point, point)
        scalar >>= 1
    return product


def decompress(data: bytes) -> Point:
    """The point that 32 bytes stand for."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    need(y < P, "a point is not on the curve")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT_OF_MINUS_ONE % P
    need((x * x - square) % P == 0, "a point is not on the curve")
    need(not (x == 0 and sign == 1), "a point is not on the curve")
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def base_point() -> Point:
    """The curve's own."""
    return decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the holder of a public key signed a message."""
    try:
        key, commitment = decompress(public), decompress(signature[:32])
    except Wrong:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or scalar >= L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = multiply(scalar, base_point()), add(commitment, multiply(challenge, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# Hashes and trees of RFC 6962.


def sha256(data: bytes) -> bytes:
    """Its digest."""
    return hashlib.sha256(data).digest()


def leaf(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + data)


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a node."""
    return sha256(b"\x01" + left + right)


class Tree:
    """A tree that grows: the roots of its complete subtrees, from the largest to the smallest."""

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[bytes] = []

    def add(self, hash_: bytes) -> None:
        """One more leaf. As often as the number of leaves before it ends in a one bit, two subtrees become one."""
        ones = self.size
        while ones & 1:
            hash_ = node(self.subtrees.pop(), hash_)
            ones >>= 1
        self.subtrees.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        """Of all leaves so far."""
        if not self.subtrees:
            return sha256(b"")
        root = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            root = node(left, root)
        return root


def split(size: int) -> int:
    """The largest power of two that is smaller."""
    return 1 << (size - 1).bit_length() - 1


def root_by_inclusion(path: list[bytes], index: int, size: int, hash_: bytes) -> bytes:
    """The root that an inclusion path leads to, by the recursion of section 2.1.1."""
    if size == 1:
        need(not path, "a path is too long")
        return hash_
    need(bool(path), "a path is too short")
    k = split(size)
    if index < k:
        return node(root_by_inclusion(path[:-1], index, k, hash_), path[-1])
    return node(path[-1], root_by_inclusion(path[:-1], index - k, size - k, hash_))


def roots_by_consistency(path: list[bytes], earlier: int, later: int, known: bytes | None) -> tuple[bytes, bytes]:
    """The two roots that a consistency path leads to, by the recursion of section 2.1.2; `known`: the earlier root is a subtree."""
    if earlier == later:
        if known is not None:
            need(not path, "a path is too long")
            return known, known
        need(len(path) == 1, "a path is of another length")
        return path[0], path[0]
    need(bool(path), "a path is too short")
    k, last = split(later), path[-1]
    if earlier <= k:
        old, new = roots_by_consistency(path[:-1], earlier, k, known)
        return old, node(new, last)
    old, new = roots_by_consistency(path[:-1], earlier - k, later - k, None)
    return node(last, old), node(last, new)


# Forms.


def unbase64(text: str, length: int) -> bytes:
    """So many bytes of base64, written in the one way."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Wrong(f"not base64: {text!r}") from error
    need(len(data) == length and base64.b64encode(data).decode() == text, f"not {length} bytes in base64: {text!r}")
    return data


def canonical(value: Any) -> str:
    """RFC 8785, of what this format uses."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read_canonical(text: str, what: str) -> Any:
    """JSON in its canonical form and no other."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Wrong(f"{what} is not JSON") from error
    need(canonical(value) == text, f"{what} is not canonical JSON")
    return value


def whole(value: Any, what: str) -> int:
    """A number from 0 to 2^53."""
    need(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53, f"{what} is no whole number")
    return value


def time(value: Any, what: str) -> str:
    """A time in UTC, to the microsecond."""
    need(isinstance(value, str) and TIME.fullmatch(value) is not None, f"{what} is no time")
    return value


MEMBERS = {
    "aggregate_id": str, "aggregate_type": str, "event_type": str, "event_version": str, "format": int, "metadata_sha256": str,
    "occurred_at": str, "partition": int, "partition_key": str, "payload_sha256": str, "position": int, "recorded_at": str,
    "sequence": int, "tenant": str,
}  # fmt: skip


def check_header(header: dict[str, Any]) -> None:
    """That a header has these members and no others."""
    need(isinstance(header, dict) and header.keys() == MEMBERS.keys(), "a header has other members")
    for name, kind in MEMBERS.items():
        if kind is int:
            whole(header[name], name)
        else:
            need(isinstance(header[name], str), f"{name} is no string")
    need(header["format"] == 1, "a header of another format")
    time(header["occurred_at"], "occurred_at")
    time(header["recorded_at"], "recorded_at")
    need(all(HEX.fullmatch(header[name]) for name in ("metadata_sha256", "payload_sha256")), "a hash is not in hexadecimal")


class Entry:
    """An entry of the log: its kind, and of heads the size and root of each partition."""

    def __init__(self, text: str) -> None:
        value = read_canonical(text, "an entry")
        need(isinstance(value, dict), "an entry is no object")
        self.kind = value.get("kind")
        self.heads: list[tuple[int, bytes]] = []
        self.partitions = 0
        members = {
            "ledger": {"kind", "ledger_id", "partitions", "taken_at", "verifier_key", "version"},
            "heads": {"kind", "partitions", "taken_at"},
            "key": {"kind", "taken_at", "verifier_key"},
        }
        need(value.keys() == members.get(self.kind), "an entry has other members")
        time(value["taken_at"], "taken_at")
        if self.kind == "ledger":
            need(value["version"] == 1, "a log of another version")
            self.partitions = whole(value["partitions"], "partitions")
        if self.kind == "heads":
            for head in value["partitions"]:
                need(isinstance(head, dict) and head.keys() == {"root", "size"}, "a head has other members")
                self.heads.append((whole(head["size"], "size"), unbase64(head["root"], 32)))


# Signed notes and checkpoints.


class VerifierKey:
    """NAME+ID+KEY."""

    def __init__(self, text: str) -> None:
        parts = text.strip().split("+", 2)
        need(len(parts) == 3 and re.fullmatch("[0-9a-f]{8}", parts[1]) is not None, "not a verifier key")
        self.name, self.id, data = parts[0], bytes.fromhex(parts[1]), unbase64(parts[2], 33)
        need(data[0] == 1, "a key of another kind than Ed25519")
        self.public = data[1:]
        need(sha256(self.name.encode() + b"\n" + data)[:4] == self.id, "the verifier key's id is not its own")


def open_note(note: str, key: VerifierKey) -> list[str]:
    """The lines of a note that the key signed."""
    need("\n\n" in note and note.endswith("\n"), "not a signed note")
    body, signatures = note.rsplit("\n\n", 1)
    message = (body + "\n").encode()
    signed = False
    for line in signatures[:-1].split("\n"):
        need(line.startswith("— ") and line.count(" ") == 2, "not a signature line")
        _, name, text = line.split(" ")
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Wrong("a signature is not base64") from error
        if name == key.name and data[:4] == key.id:
            need(len(data) == 68 and is_signed(key.public, message, data[4:]), "the signature does not hold")
            need(base64.b64encode(data).decode() == text, "a signature is not written in the one way")
            signed = True
    need(signed, "the note is not signed by the trusted key")
    return body.split("\n")


def open_checkpoint(note: str, key: VerifierKey) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint that the key signed."""
    lines = open_note(note, key)
    need(len(lines) == 3 and NUMBER.fullmatch(lines[1]) is not None, "not a checkpoint")
    origin, size, root = lines[0], int(lines[1]), unbase64(lines[2], 32)
    need(origin == key.name, f"a checkpoint of {origin}")
    return origin, size, root


def open_statement(note: str, key: VerifierKey) -> dict[str, Any]:
    """What an attestation, a receipt or a certificate says."""
    lines = open_note(note, key)
    need(len(lines) == 2 and re.fullmatch("capsule-ledger (attestation|receipt|erasure)/1", lines[0]) is not None, "not a statement")
    value = read_canonical(lines[1], "the statement")
    need(isinstance(value, dict) and value.get("ledger") == key.name, "a statement of another ledger")
    return {"ok": True, "kind": lines[0].split(" ")[1], "says": value}


# Proofs.


def check_event(proof: dict[str, Any], key: VerifierKey) -> dict[str, Any]:
    """The proof of one event."""
    need(proof.keys() == {"format", "header", "payload", "metadata", "path", "entry", "log_proof"}, "the proof has other members")
    header = read_canonical(proof["header"], "the header")
    check_header(header)
    for name in ("payload", "metadata"):
        need(sha256(proof[name].encode()).hex() == header[f"{name}_sha256"], f"the {name} is another")
    place = f"{header['partition']}-{header['position']}"
    heads, origin, log_size = signed_heads(proof, key)
    size, root = head_of(heads, header["partition"])
    need(header["position"] < size, f"event {place} is not covered")
    path = [unbase64(text, 32) for text in proof["path"]]
    found = root_by_inclusion(path, header["position"], size, leaf(proof["header"].encode()))
    need(found == root, f"event {place} does not lead to its partition's root")
    return {"ok": True, "origin": origin, "size": log_size, "event": place}


def check_position(proof: dict[str, Any], key: VerifierKey) -> dict[str, Any]:
    """The proof of what stands at a position."""
    members = {"format", "partition", "position", "leaf", "path", "entry", "log_proof"}
    need(proof.keys() == members, "the proof has other members")
    partition, position = whole(proof["partition"], "partition"), whole(proof["position"], "position")
    heads, origin, log_size = signed_heads(proof, key)
    size, root = head_of(heads, partition)
    path = [unbase64(text, 32) for text in proof["path"]]
    if proof["leaf"] is None:
        need(position >= size and not path, f"there is something at {partition}-{position}")
    else:
        need(position < size, f"there is nothing at {partition}-{position}")
        found = root_by_inclusion(path, position, size, unbase64(proof["leaf"], 32))
        need(found == root, f"the leaf of {partition}-{position} does not lead to its partition's root")
    return {"ok": True, "origin": origin, "size": log_size, "position": f"{partition}-{position}", "leaf": proof["leaf"]}


def head_of(heads: list[tuple[int, bytes]], partition: int) -> tuple[int, bytes]:
    """Size and root of a partition."""
    need(partition < len(heads), "the entry holds no head of the partition")
    return heads[partition]


def signed_heads(proof: dict[str, Any], key: VerifierKey) -> tuple[list[tuple[int, bytes]], str, int]:
    """The heads of a proof's entry, and origin and size of the checkpoint that covers it."""
    entry = Entry(proof["entry"])
    need(entry.kind == "heads", "the entry holds no heads")
    need("\n\n" in proof["log_proof"], "the log's proof has no checkpoint")
    text, note = proof["log_proof"].split("\n\n", 1)
    lines = text.split("\n")
    need(lines[0] == "c2sp.org/tlog-proof@v1", "the log's proof is of another format")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]
    need(len(lines) > 1 and re.fullmatch("index (0|[1-9][0-9]*)", lines[1]) is not None, "the log's proof has no index")
    origin, log_size, log_root = open_checkpoint(note, key)
    index = int(lines[1][len("index ") :])
    need(index < log_size, "the entry is not covered")
    path = [unbase64(line, 32) for line in lines[2:]]
    need(root_by_inclusion(path, index, log_size, leaf(proof["entry"].encode())) == log_root, "the entry does not lead to the root")
    return entry.heads, origin, log_size


def check_consistency(proof: dict[str, Any], key: VerifierKey) -> dict[str, Any]:
    """The proof between two checkpoints."""
    need(proof.keys() == {"format", "earlier", "later", "path"}, "the proof has other members")
    origin, old_size, old_root = open_checkpoint(proof["earlier"], key)
    _, new_size, new_root = open_checkpoint(proof["later"], key)
    path = [unbase64(text, 32) for text in proof["path"]]
    need(old_size <= new_size, "the later checkpoint covers less")
    if old_size == 0:
        need(not path and old_root == sha256(b""), "the earlier log is empty")
    elif old_size == new_size:
        need(not path and old_root == new_root, "two logs of one size differ")
    else:
        # What the path leaves out, where the earlier log is a whole subtree of the later, is its own root.
        found = roots_by_consistency(path, old_size, new_size, old_root)
        need(found == (old_root, new_root), "the later log does not begin with the earlier one")
    return {"ok": True, "origin": origin, "earlier": old_size, "later": new_size}


# Whole copies.


def lines_of(path: str) -> Iterator[Any]:
    """Of a file of JSON, a value a line."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def from_postgres(path: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Headers of the rows of a table, by partition and position."""
    rows = sorted(lines_of(path), key=lambda row: (row["partition"], row["position"]))
    for row in rows:
        prefix = row["tenant"] + "/"
        need(row["aggregate_id"].startswith(prefix), f"event {row['partition']}-{row['position']}: another tenant's aggregate")
        header = {name: row[name] for name in MEMBERS if name in row}
        header["aggregate_id"] = row["aggregate_id"][len(prefix) :]
        header["format"] = 1
        for name in ("payload", "metadata"):
            header[f"{name}_sha256"] = sha256(row[name].encode()).hex()
        yield header, row["partition"]


def from_kafka(path: str, types: dict[str, str]) -> Iterator[tuple[dict[str, Any], int]]:
    """Headers of the records of a topic, as they come."""
    for record in lines_of(path):
        where = f"partition {record['partition']}, offset {record['offset']}"
        found = dict(record["headers"])
        need(len(found) == len(record["headers"]), f"{where}: a header is there twice")
        try:
            collection, aggregate_id = found["ce_subject"].split("/", 1)
            need(found["ce_source"].startswith("/tenants/"), f"{where}: ce_source")
            numbers = {name: found[f"ledger_{name}"] for name in ("partition", "position", "sequence")}
            need(all(NUMBER.fullmatch(text) for text in numbers.values()), f"{where}: a number is not plain digits")
            header = {
                "aggregate_id": aggregate_id,
                "aggregate_type": types[collection],
                "event_type": found["ce_type"],
                "event_version": found["ledger_version"],
                "format": 1,
                "metadata_sha256": sha256(found["ledger_metadata"].encode()).hex(),
                "occurred_at": found["ce_time"],
                "partition_key": record["key"],
                "payload_sha256": sha256(record["value"].encode()).hex(),
                "recorded_at": found["ledger_recorded_at"],
                "tenant": found["ce_source"][len("/tenants/") :],
                **{name: int(text) for name, text in numbers.items()},
            }
            agree = {
                "ce_id": f"{numbers['partition']}-{numbers['position']}",
                "ce_dataschema": f"/schemas/events/{found['ce_type']}.v{found['ledger_version']}.json",
                "ce_specversion": "1.0",
                "content-type": "application/json",
            }
            need(all(found[name] == text for name, text in agree.items()), f"{where}: headers do not agree")
        except KeyError as error:
            raise Wrong(f"{where}: {error} is missing or not known") from error
        yield header, record["partition"]


def collection_types() -> dict[str, str]:
    """The table at the end of docs/proof-format.md, which is beside this file's folder."""
    page = __file__.rsplit("/", 1)[0] + "/../docs/proof-format.md"
    with open(page, encoding="utf-8") as file:
        table = file.read().split("## Collections", 1)[1]
    return dict(re.findall(r"^\| `([a-z_]+)` \| `([a-z_]+)` \|$", table, re.MULTILINE))


def check_log(entries: list[str], size: int, root: bytes) -> tuple[int, list[dict[int, bytes]]]:
    """How many partitions there are, and the roots that their trees had, by size, as far as the checkpoint covers."""
    need(len(entries) >= size, f"the log has {len(entries)} entries and was signed with {size}: it was rolled back")
    tree, partitions, marks = Tree(), 0, []
    last: list[int] = []
    for index, text in enumerate(entries[:size]):
        entry = Entry(text)
        need((entry.kind == "ledger") == (index == 0), f"entry {index} is of kind {entry.kind}")
        if index == 0:
            partitions = entry.partitions
            marks = [{} for _ in range(partitions)]
            last = [0] * partitions
        if entry.kind == "heads":
            need(len(entry.heads) == partitions, f"entry {index} has another number of partitions")
            for partition, (count, head) in enumerate(entry.heads):
                need(count >= last[partition], f"entry {index}: partition {partition} shrinks")
                need(marks[partition].setdefault(count, head) == head, f"entry {index}: partition {partition} is another")
                last[partition] = count
        tree.add(leaf(text.encode()))
    need(tree.root() == root, "the log does not lead to the checkpoint's root")
    return partitions, marks


def check_copy(events: Iterable[tuple[dict[str, Any], int]], marks: list[dict[int, bytes]]) -> list[dict[str, Any]]:
    """Every event of a copy, against all roots."""
    trees = [Tree() for _ in marks]
    leaves: list[list[bytes]] = [[] for _ in marks]
    for roots in marks:
        need(roots.get(0, sha256(b"")) == sha256(b""), "an empty partition has another root")
    for header, partition in events:
        check_header(header)
        place = f"{header['partition']}-{header['position']}"
        need(header["partition"] == partition and partition < len(marks), f"event {place} is in partition {partition}")
        tree, hash_, position = trees[partition], leaf(canonical(header).encode()), header["position"]
        need(position <= tree.size, f"event {partition}-{tree.size} is missing")
        if position < tree.size:
            need(leaves[partition][position] == hash_, f"event {place} is there twice, and differs")
            continue
        tree.add(hash_)
        leaves[partition].append(hash_)
        signed = marks[partition].get(tree.size)
        need(signed is None or signed == tree.root(), f"partition {partition}: something before position {tree.size} is not what was signed")
    answer = []
    for partition, (tree, roots) in enumerate(zip(trees, marks)):
        signed = max(roots, default=0)
        need(tree.size >= signed, f"partition {partition} ends before position {tree.size}, and {signed} events were signed")
        answer.append({"size": tree.size, "root": base64.b64encode(tree.root()).decode(), "signed": signed})
    return answer


# Tiles.

WIDTH = 256


class Served:
    """A log's prefix, as tlog-tiles has it, over HTTP."""

    def __init__(self, url: str, bearer: str) -> None:
        self.url, self.bearer = url, bearer

    def get(self, path: str) -> bytes:
        """What is there."""
        request = urllib.request.Request(f"{self.url}/{path}", headers={"Authorization": f"Bearer {self.bearer}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            data: bytes = answer.read()
        return data

    def tile(self, place: str, index: int, width: int) -> bytes:
        """A tile or a bundle, whole or as wide as this: the index is written in threes of digits, all but the last with an x."""
        digits = str(index).zfill((len(str(index)) + 2) // 3 * 3)
        threes = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "/".join([f"x{three}" for three in threes[:-1]] + threes[-1:])
        return self.get(f"{place}/{name}" if width == WIDTH else f"{place}/{name}.p/{width}")

    def tiles(self, place: str, count: int) -> list[bytes]:
        """All tiles of a level that has so many hashes, and the first as half a tile too."""
        found = [self.tile(place, at // WIDTH, min(WIDTH, count - at)) for at in range(0, count, WIDTH)]
        need(self.tile(place, 0, 1) == found[0][:32], f"{place}: half a tile is another")
        return found

    def entries(self, count: int) -> list[str]:
        """The log's, from bundles: each after its length in two bytes."""
        entries = []
        for at in range(0, count, WIDTH):
            width = min(WIDTH, count - at)
            data = self.tile("tile/entries", at // WIDTH, width)
            for _ in range(width):
                length = int.from_bytes(data[:2], "big")
                need(len(data) >= 2 + length, "a bundle is too short")
                entries.append(data[2 : 2 + length].decode())
                data = data[2 + length :]
            need(not data, "a bundle is too long")
        return entries


def check_tiles(served: Served, prefix: str, size: int, root: bytes) -> list[bytes]:
    """That all levels of a tree's tiles lead to its root; its leaves."""
    leaves, below, level = [], [], 0
    while size >> 8 * level > 0:
        hashes = []
        for tile in served.tiles(f"{prefix}tile/{level}", size >> 8 * level):
            hashes += [tile[at : at + 32] for at in range(0, len(tile), 32)]
        need(len(hashes) == size >> 8 * level, f"{prefix}: level {level} has {len(hashes)} hashes")
        if level == 0:
            leaves = hashes
        else:
            made = [root_of(below[at : at + WIDTH]) for at in range(0, len(below) - WIDTH + 1, WIDTH)]
            need(made == hashes, f"{prefix}: level {level} is not made of the one below")
        below, level = hashes, level + 1
    need(root_of(leaves) == root, f"{prefix or 'the log'}: the tiles do not lead to the root")
    return leaves


def root_of(leaves: list[bytes]) -> bytes:
    """The root of a tree of these."""
    tree = Tree()
    for hash_ in leaves:
        tree.add(hash_)
    return tree.root()


def check_served(served: Served, key: VerifierKey) -> dict[str, Any]:
    """Everything that is served of the trees, from the newest checkpoint down."""
    origin, size, root = open_checkpoint(served.get("checkpoint").decode(), key)
    entries = served.entries(size)
    _, marks = check_log(entries, size, root)
    need(check_tiles(served, "", size, root) == [leaf(entry.encode()) for entry in entries], "the log's leaves are not its entries'")
    partitions = []
    for partition, roots in enumerate(marks):
        count = max(roots, default=0)
        head = roots.get(count, sha256(b""))
        check_tiles(served, f"partitions/{partition}/", count, head)
        partitions.append({"size": count, "root": base64.b64encode(head).decode()})
    return {"ok": True, "origin": origin, "size": size, "partitions": partitions}


def main() -> dict[str, Any]:
    """What is asked on the command line."""
    parser = argparse.ArgumentParser(description="A second verifier of the ledger's proofs.")
    commands = parser.add_subparsers(dest="command", required=True)
    proof = commands.add_parser("proof", help="check a proof of one event, or between two checkpoints")
    proof.add_argument("file")
    note = commands.add_parser("note", help="check an attestation, a receipt or a certificate")
    note.add_argument("file")
    tiles = commands.add_parser("tiles", help="rebuild all trees from the tiles that a ledger serves")
    tiles.add_argument("url")
    tiles.add_argument("--bearer", required=True)
    copy = commands.add_parser("copy", help="verify a whole copy of the ledger")
    copy.add_argument("--checkpoint", required=True)
    copy.add_argument("--entries", required=True)
    which = copy.add_mutually_exclusive_group(required=True)
    which.add_argument("--postgres")
    which.add_argument("--kafka")
    for command in (proof, note, copy, tiles):
        command.add_argument("--verifier-key", required=True)
    asked = parser.parse_args()
    key = VerifierKey(asked.verifier_key)
    if asked.command == "proof":
        with open(asked.file, encoding="utf-8") as file:
            value = json.load(file)
        checks = {
            "capsule-ledger-proof/1": check_event,
            "capsule-ledger-position/1": check_position,
            "capsule-ledger-consistency/1": check_consistency,
        }
        need(isinstance(value, dict) and value.get("format") in checks, "not a proof")
        return checks[value["format"]](value, key)
    if asked.command == "note":
        with open(asked.file, encoding="utf-8") as file:
            return open_statement(file.read(), key)
    if asked.command == "tiles":
        return check_served(Served(asked.url, asked.bearer), key)
    with open(asked.checkpoint, encoding="utf-8") as file:
        origin, size, root = open_checkpoint(file.read(), key)
    _, marks = check_log(list(lines_of(asked.entries)), size, root)
    events = from_postgres(asked.postgres) if asked.postgres else from_kafka(asked.kafka, collection_types())
    partitions = check_copy(events, marks)
    total = sum(partition["size"] for partition in partitions)
    return {"ok": True, "origin": origin, "size": size, "root": base64.b64encode(root).decode(), "partitions": partitions, "events": total}


if __name__ == "__main__":
    try:
        print(json.dumps(main()))
    except (Wrong, KeyError, TypeError, ValueError, OSError) as error:
        print(json.dumps({"ok": False, "error": str(error)}))
        sys.exit(1)
