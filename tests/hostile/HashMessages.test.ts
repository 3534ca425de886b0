/**
 * The hash messages of BEP 52, which shoal does not speak: ids 21 to 23 are messages of an extension that nobody offered.
 * They are passed over without being kept, never answered, and no reason to close, since hybrid swarms have peers that send
 * them; a flood of them is closed as any other.
 */
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import { enter, expectOthersServed, farewell, leecher, raw, seeder, sentBytes, torrent } from "./Peers.ts"
import { row } from "./Row.ts"

const HASH_REQUEST = 21
const HASHES = 22
const HASH_REJECT = 23

/** Root, base layer, index, count, proof layers. */
const fields = (base: number, index: number, count: number, proofs: number, root = 7): Uint8Array => {
  const bytes = new Uint8Array(32 + 16).fill(root, 0, 32)
  const view = new DataView(bytes.buffer)
  ;[base, index, count, proofs].forEach((value, at) => view.setUint32(32 + 4 * at, value))
  return bytes
}

const cases: ReadonlyArray<readonly [row: number, what: string, message: Uint8Array]> = [
  [75, "a hash request of count 0", raw(HASH_REQUEST, fields(0, 0, 0, 0))],
  [75, "a hash request of count 3", raw(HASH_REQUEST, fields(0, 0, 3, 0))],
  [75, "a hash request of count 8193", raw(HASH_REQUEST, fields(0, 0, 8_193, 0))],
  [75, "a hash request of count 2^32 - 1", raw(HASH_REQUEST, fields(0, 0, 0xffff_ffff, 0xffff_ffff))],
  [75, "a hash request of a layer above the root", raw(HASH_REQUEST, fields(0xffff_ffff, 0, 2, 0))],
  [75, "a hash request at an index that is no multiple", raw(HASH_REQUEST, fields(0, 1, 2, 0))],
  [75, "a hash request of an unknown root", raw(HASH_REQUEST, fields(0, 0, 2, 0, 0xff))],
  [75, "a hash request of 3 bytes", raw(HASH_REQUEST, new Uint8Array(3))],
  [75, "an empty hash request", raw(HASH_REQUEST, new Uint8Array(0))],
  [
    76,
    "hashes nobody asked for",
    raw(HASHES, Bytes.concat([fields(0, 0, 2, 0), new Uint8Array(64).fill(1)])),
  ],
  [76, "hashes that are all zero", raw(HASHES, Bytes.concat([fields(0, 0, 512, 0), new Uint8Array(16_384)]))],
  [76, "a proof of a wrong length", raw(HASHES, Bytes.concat([fields(0, 0, 2, 9), new Uint8Array(65)]))],
  [76, "a reject of hashes nobody asked for", raw(HASH_REJECT, fields(0, 0, 2, 0))],
]
for (const [number, what, message] of cases) {
  row(number, `${what}, on a v1 torrent -> passed over: nothing kept, nothing answered`, () => {
    const door = leecher()
    const conn = enter(door)
    const sent = sentBytes(door.commands, conn)
    // In two parts: not even what has to be waited for is kept.
    door.read(conn, message.subarray(0, -1))
    expect(door.torrent.peers.get(conn)!.decoder.body.length).toBe(0)
    door.read(conn, message.subarray(-1))
    expect(sentBytes(door.commands, conn)).toBe(sent)
    expect(door.isOpen(conn)).toBe(true)
    // The stream goes on where the message ends.
    door.say(conn, (e) => Encoder.have(e, 4))
    expect(door.torrent.peers.get(conn)!.has.count).toBe(1)
    expectOthersServed(door)
  })
}

for (const [number, id] of [[75, HASH_REQUEST], [76, HASHES], [76, HASH_REJECT]] as const) {
  row(number, `id ${id} of 2 MiB -> closed by its length; a flood of it -> closed`, () => {
    const door = seeder()
    door.read(enter(door), raw(id, new Uint8Array(0), 2 * 1024 * 1024))
    expect(farewell(door)).toContain("a message of 2097152 bytes")
    const other = seeder()
    const conn = enter(other)
    const message = raw(id, fields(0, 0, 512, 0))
    let count = 0
    for (; count < 10_000 && other.isOpen(conn); count++) other.read(conn, message)
    expect(count).toBeLessThan(3_000)
    expect(farewell(other)).toContain("of no use")
    expectOthersServed(other)
  })
}

row(75, "the v2 bit in the handshake of a v1 torrent -> it is a peer as any other", () => {
  const door = leecher()
  const conn = door.accept("80.4.4.4")
  const bytes = new Uint8Array(68)
  bytes.set(Bytes.latin1("\x13BitTorrent protocol"))
  bytes.fill(0xff, 20, 28)
  bytes.set(torrent.infoHashBytes, 28)
  bytes.set(Bytes.latin1("-XX0000-............"), 48)
  door.read(conn, bytes)
  expect(door.torrent.peers.get(conn)?.phase).toBe("ready")
})
