/**
 * Message stream encryption (MSE), which shoal does not speak: its first bytes are a random number where the protocol's name
 * should be. Such a connection is closed at the first byte that differs, nothing of it is kept and nothing is answered; who
 * prefers encryption tries again in plain text.
 */
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import { expectOthersServed, leecher, sentBytes } from "./Peers.ts"
import { row } from "./Row.ts"

/** The prime of MSE, 96 bytes. */
const P = Bytes.fromHex(
  "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd" +
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a36210000000000090563",
)!
const number = (value: number): Uint8Array => {
  const bytes = new Uint8Array(96)
  bytes[95] = value
  return bytes
}
const minusOne = P.slice()
minusOne[95]!--
const random = (seed: number, length: number): Uint8Array => Rng.fill(Rng.make(seed), new Uint8Array(length))
/** A key whose first bytes look like ours: the name of the protocol, but for its last letter. */
const disguised = Bytes.concat([Bytes.latin1("\x13BitTorrent protocoL"), random(3, 76)])

const cases: ReadonlyArray<readonly [what: string, bytes: Uint8Array]> = [
  ["Y = 0", number(0)],
  ["Y = 1", number(1)],
  ["Y = P - 1", minusOne],
  ["Y = P", P],
  ["a usual Y", random(1, 96)],
  ["a Y that begins as our handshake does", disguised],
  ["PadA of 513 bytes", random(2, 96 + 513)],
  ["len(IA) 65535, all of it sent", random(4, 96 + 512 + 65_535)],
  ["no VC within 512 bytes and more", random(5, 96 + 4_096)],
  ["crypto_select 0 or 3", random(6, 96 + 14)],
]
for (const [what, bytes] of cases) {
  row(79, `an encrypted handshake, ${what} -> closed at once, nothing buffered, nothing answered`, () => {
    for (const size of [bytes.length, 1, 7]) {
      const door = leecher()
      const conn = door.accept("80.4.4.4")
      let taken = 0
      for (; taken < bytes.length && door.isOpen(conn); taken += size) {
        door.read(conn, bytes.subarray(taken, taken + size))
      }
      expect(door.isOpen(conn)).toBe(false)
      // At the first byte that is not ours, not at the end of what was to come.
      expect(taken).toBeLessThanOrEqual(Math.max(size, 21))
      expect(sentBytes(door.commands, conn)).toBe(0)
      expect(door.client.machine.greeting.guests.size).toBe(0)
      // What still comes on it is nobody's.
      expect(door.read(conn, bytes)).toEqual([])
      expectOthersServed(door)
    }
  })
}

row(79, "a peer that we dialled answers encrypted -> closed, and rests as any that failed", () => {
  const door = leecher()
  door.found("tracker", 6_881)
  const conn = door.open()
  door.read(conn, random(1, 96))
  expect(door.isOpen(conn)).toBe(false)
  expect(door.torrent.peers.size).toBe(0)
  expect(door.wait(10_000).dialled).toHaveLength(1)
  expect(door.wait(10_000).dialled).toHaveLength(2)
})
