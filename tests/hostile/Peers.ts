/** What tests of hostile peers share: a client with a torrent, somebody who misbehaves, and an honest seed that must be served. */
import { expect } from "vitest"
import type { Command } from "../../core/client/Command.ts"
import type { ConnId } from "../../core/client/Input.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import type * as State from "../../core/torrent/State.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import { Door, handshake, idOf } from "../core/client/Door.ts"
import { torrentOf } from "../support/CoreSwarm.ts"

export type Say = (encoder: Encoder.Encoder) => void

/** Ten pieces of two blocks. */
export const torrent = torrentOf(32_768, [10 * 32_768])

/** A client that has nothing yet, or all. */
export const leecher = (options: Partial<State.Options> = {}, dhtPort?: number): Door =>
  new Door(torrent, options, dhtPort)
export const seeder = (): Door => leecher({ have: Bitfield.full(10) })

/** The hostile one connects, and is welcome so far. */
export const enter = (door: Door, ...says: ReadonlyArray<Say>): ConnId =>
  door.welcome("80.4.4.4", idOf("hostile"), ...says)

/** The same without the fast extension. */
export const enterPlain = (door: Door): ConnId => {
  const conn = door.accept("80.4.4.4")
  door.say(conn, (encoder) => {
    Encoder.handshake(encoder, {
      infoHash: torrent.infoHashBytes,
      peerId: new TextEncoder().encode(idOf("hostile")),
      features: { fast: false, extended: true, dht: false },
    })
  })
  return conn
}

/** Why the only peer that was disconnected was; `undefined`: it is still there. */
export const farewell = (door: Door): string | undefined => {
  expect(door.farewells.length).toBeLessThanOrEqual(1)
  return door.farewells[0]
}

/** Somebody else comes now, and gets what it wants: we ask it for blocks, or answer what it asks for. */
export const expectOthersServed = (door: Door): void => {
  const isSeeder = door.torrent.have.count > 0
  const conn = isSeeder
    ? door.welcome("90.9.9.9", idOf("honest"), Encoder.haveNone, Encoder.interested)
    : door.welcome("90.9.9.9", idOf("honest"), Encoder.haveAll, Encoder.unchoke)
  door.wait(1_000)
  expect(door.isOpen(conn)).toBe(true)
  expect(door.tags(conn)).toContain(isSeeder ? "Unchoke" : "Request")
}

/** The same handshake that {@link enter} says, for those who connect by hand. */
export const hello: Say = handshake(torrent, idOf("hostile"))

/** What we sent on a connection, in bytes. */
export const sentBytes = (commands: ReadonlyArray<Command>, conn: ConnId): number => {
  let bytes = 0
  for (const command of commands) {
    if (command._tag !== "Send" || command.conn !== conn) continue
    for (const chunk of command.chunks) bytes += chunk.length
  }
  return bytes
}

/** A message as it stands on the wire: length, id, payload. */
export const raw = (id: number, payload: Uint8Array, length = payload.length + 1): Uint8Array => {
  const bytes = new Uint8Array(5 + payload.length)
  new DataView(bytes.buffer).setUint32(0, length)
  bytes[4] = id
  bytes.set(payload, 5)
  return bytes
}
