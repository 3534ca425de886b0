/**
 * What strangers do to a client that listens: each abuse as data, so much of it a second, from so many connections.
 * Whoever is sent away comes again at once, from the same address.
 */
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import * as Wire from "./Wire.ts"

/** What there is to be known of the one that is abused. */
export interface Target {
  readonly infoHash: string
  readonly pieceCount: number
  /** Its numbers for extension messages, once it has said them. */
  readonly numbers: Wire.Numbers
}

export interface Abuse {
  readonly name: string
  /** For people. */
  readonly says: string
  /** Connections that are open, or being opened again, all the time. */
  readonly connections: number
  /** Addresses that they come from: 127.0.0.2 and on. */
  readonly addresses: number
  /** Connections opened a second, at most. */
  readonly opensPerSec: number
  /** What each connection begins with; nothing where it is undefined. */
  readonly begin: ((target: Target) => Uint8Array) | undefined
  /** What it goes on with, `bytesPerSec` of all connections together; some tens of KiB each time. */
  readonly flood?: (target: Target, turn: number) => Uint8Array
  readonly bytesPerSec?: number
  /** Sends its beginning byte by byte, one each so many milliseconds. */
  readonly dripMs?: number
  /** Never reads what it is sent. */
  readonly isDeaf?: boolean
  /** Hangs up itself after so long. */
  readonly holdMs?: number
}

const MIB = 1024 * 1024

/** About so much is given to a socket at a time. */
const CHUNK_BYTES = 32 * 1024

const repeat = (one: Uint8Array): Buffer =>
  Buffer.concat(new Array<Uint8Array>(Math.max(1, Math.floor(CHUNK_BYTES / one.length))).fill(one))

const interested = Wire.message(Wire.ID.interested)
const haveNone = Wire.message(Wire.ID.haveNone)

const extensionHandshake = Wire.extended(0, {
  m: { lt_donthave: 7, ut_metadata: 3, ut_pex: 1 },
  metadata_size: 31_235,
  reqq: 2_000,
  v: "x".repeat(100),
})

const greet = ({ infoHash }: Target): Buffer =>
  Buffer.concat([Wire.handshake(infoHash), haveNone, extensionHandshake])

const greetInterested = (target: Target): Buffer => Buffer.concat([greet(target), interested])

/** Ten connections from ten addresses with an honest beginning, which flood then, 4 MiB a second. */
const flooding = (
  name: string,
  says: string,
  flood: NonNullable<Abuse["flood"]>,
  more: Partial<Abuse> = {},
): Abuse => ({
  name,
  says,
  connections: 10,
  addresses: 10,
  opensPerSec: 100,
  begin: greet,
  flood,
  bytesPerSec: 4 * MIB,
  ...more,
})

const have = (piece: number): Buffer => Wire.message(Wire.ID.have, Wire.numbers(piece))

/** A list of peers as BEP 11 has it, all of one network. */
const peers = (count: number): Buffer => {
  const bytes = randomBytes(6 * count)
  for (let i = 0; i < count; i++) bytes.set([10, 99], 6 * i)
  return bytes
}

export const ALL: ReadonlyArray<Abuse> = [
  {
    name: "silent",
    says: "2,000 connections of 250 addresses that say nothing",
    connections: 2_000,
    addresses: 250,
    opensPerSec: 1_000,
    begin: undefined,
  },
  {
    name: "slow-handshake",
    says: "500 connections of 250 addresses that send a byte of their handshake every two seconds",
    connections: 500,
    addresses: 250,
    opensPerSec: 500,
    begin: greet,
    dripMs: 2_000,
  },
  {
    name: "garbage",
    says: "1,000 connections a second that begin with garbage",
    connections: 200,
    addresses: 50,
    opensPerSec: 1_000,
    begin: () => randomBytes(200),
  },
  {
    name: "unknown-torrent",
    says: "1,000 connections a second for torrents that nobody has",
    connections: 200,
    addresses: 50,
    opensPerSec: 1_000,
    begin: () => Wire.handshake(randomBytes(20).toString("hex")),
  },
  {
    name: "one-address",
    says:
      "one address that holds 500 connections, with honest handshakes, and comes again as often as it is sent away",
    connections: 500,
    addresses: 1,
    opensPerSec: 1_000,
    begin: greetInterested,
  },
  {
    name: "come-and-go",
    says: "one address that connects, shakes hands and leaves, 500 times a second",
    connections: 100,
    addresses: 1,
    opensPerSec: 500,
    begin: greetInterested,
    holdMs: 100,
  },
  flooding("keep-alives", "keep-alives, a million a second", () => repeat(Wire.KEEP_ALIVE)),
  flooding("haves", "a HAVE of each piece again and again, 460,000 a second", ({ pieceCount }, turn) => {
    const first = turn * 3_000
    return Buffer.concat(Array.from({ length: 3_000 }, (_, i) => have((first + i) % pieceCount)))
  }),
  flooding(
    "bitfield-changes",
    "pieces that come and go (lt_donthave), 350,000 changes a second",
    ({ numbers, pieceCount }, turn) => {
      const piece = turn % pieceCount
      const dontHave = Wire.message(
        Wire.ID.extended,
        Buffer.from([numbers["lt_donthave"] ?? 7]),
        Wire.numbers(piece),
      )
      return repeat(Buffer.concat([have(piece), dontHave]))
    },
  ),
  flooding("extended", "extension handshakes, some 20,000 a second", () => repeat(extensionHandshake)),
  flooding(
    "unknown-extended",
    "extension messages under numbers that nobody gave out, 500,000 a second",
    () => repeat(Wire.message(Wire.ID.extended, Buffer.from([200]), Buffer.from("de"))),
  ),
  flooding(
    "interest",
    "interested and not interested in turn, 800,000 a second",
    () => repeat(Buffer.concat([interested, Wire.message(Wire.ID.notInterested)])),
  ),
  flooding(
    "requests",
    "requests for the same pieces over and over, 240,000 a second, and nothing read of 3 in 4 answers",
    ({ pieceCount }, turn) => repeat(Wire.request(turn % (pieceCount - 1), 0)),
    { begin: greetInterested, isDeaf: true },
  ),
  {
    name: "never-reads",
    says: "50 connections of 50 addresses that ask for 2,000 blocks each and read none",
    connections: 50,
    addresses: 50,
    opensPerSec: 100,
    begin: greetInterested,
    flood: ({ pieceCount }, turn) =>
      Buffer.concat(
        Array.from({ length: 2_000 }, (_, i) => Wire.request((turn * 2_000 + i) % (pieceCount - 1), 0)),
      ),
    bytesPerSec: MIB,
    isDeaf: true,
  },
  {
    name: "half-messages",
    says: "80 connections that announce 256 KiB and send half of them",
    connections: 80,
    addresses: 80,
    opensPerSec: 100,
    begin: (target) =>
      Buffer.concat([
        greet(target),
        Buffer.concat([Wire.numbers(256 * 1024), Buffer.from([Wire.ID.extended, 0])]),
        Buffer.alloc(128 * 1024),
      ]),
  },
  flooding(
    "pex",
    "peer exchange, 50 addresses each, some 12,000 messages a second",
    ({ numbers }) =>
      repeat(
        Wire.extended(numbers["ut_pex"] ?? 1, { added: peers(50), "added.f": Buffer.alloc(50) }),
      ),
  ),
  flooding(
    "metadata",
    "requests for the metadata (BEP 9), 120,000 a second",
    ({ numbers }) => repeat(Wire.extended(numbers["ut_metadata"] ?? 3, { msg_type: 0, piece: 0 })),
  ),
  flooding(
    "cancels",
    "cancels of what was never asked for, 240,000 a second",
    () => repeat(Wire.message(Wire.ID.cancel, Wire.numbers(0, 0, Wire.BLOCK_BYTES))),
  ),
  flooding(
    "suggestions",
    "suggestions and grants of pieces, 230,000 each a second",
    ({ pieceCount }, turn) => {
      const piece = Wire.numbers(turn % pieceCount)
      return repeat(
        Buffer.concat([
          Wire.message(Wire.ID.suggest, piece),
          Wire.message(Wire.ID.allowedFast, piece),
        ]),
      )
    },
  ),
]
