/**
 * Local service discovery (BEP 14) as a machine: who takes part in a torrent says so to its local network every five
 * minutes, and whoever hears it dials.
 *
 *      Add ──▶ due at once ──▶ announced ──5 min──▶ due …      at most one announce a minute, with all that is due
 *
 * It has no answers: the neighbour's own announce, or its dial, is the answer. Private torrents must never be added
 * (BEP 27); whoever adds them sees to that.
 */
import type { Address } from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"
import * as Clone from "../base/Clone.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"
import type { InfoHash } from "../metainfo/Metainfo.ts"
import * as Message from "./Message.ts"

/** How often a torrent is announced, and how far announces are apart at least, whatever they say (BEP 14). */
export const INTERVAL_MS: Millis = 5 * MINUTE
export const MIN_INTERVAL_MS: Millis = MINUTE

/** A network of a thousand such clients stays far below; beyond it somebody floods, and what is lost comes again. */
const MAX_HEARD_PER_SECOND = 100

export interface Options {
  /** For the cookie, by which announces of our own are known. */
  readonly seed: number
  /** TCP port that we listen on. */
  readonly port: number
  readonly families: ReadonlyArray<Message.Family>
}

/** Handed from step to step; each is good for one step only. */
export interface Discovery {
  readonly machine: Machine
  readonly turn: number
}

export interface Counts {
  readonly heard: number
  /** Announces of our own that came back. */
  readonly own: number
  readonly malformed: number
  /** Too many at a time. */
  readonly dropped: number
}

interface Machine {
  readonly options: Options
  readonly cookie: string
  /** When each torrent was last announced; in the order of that, `-Infinity` first. */
  readonly announcedAt: Map<InfoHash, Millis>
  sentAt: Millis
  /** The second that is being counted, and the announces that came in it. */
  hearing: { readonly since: Millis; readonly packets: number }
  counts: { -readonly [name in keyof Counts]: number }
  turn: number
}

export type Input =
  | { readonly _tag: "Tick"; readonly now: Millis }
  | { readonly _tag: "Add"; readonly now: Millis; readonly infoHash: InfoHash }
  | { readonly _tag: "Remove"; readonly now: Millis; readonly infoHash: InfoHash }
  /** A datagram, from a neighbour on the local network. */
  | { readonly _tag: "Packet"; readonly now: Millis; readonly from: Address; readonly bytes: Bytes.Bytes }

export type Command =
  /** To the group of a family, on every interface. */
  | { readonly _tag: "Send"; readonly family: Message.Family; readonly bytes: Bytes.Bytes }
  /** Somebody near takes part in a torrent of ours. */
  | { readonly _tag: "Found"; readonly infoHash: InfoHash; readonly address: Address }

/** Without torrents: it hears nothing and says nothing. */
export const make = (options: Options): Discovery => {
  const cookie = Bytes.toHex(Rng.fill(Rng.make(options.seed), new Uint8Array(8)))
  return {
    machine: {
      options,
      cookie,
      announcedAt: new Map(),
      sentAt: -Infinity,
      hearing: { since: -Infinity, packets: 0 },
      counts: { heard: 0, own: 0, malformed: 0, dropped: 0 },
      turn: 0,
    },
    turn: 0,
  }
}

/** One transition. Spends `discovery`; see {@link fork}. */
export const step = (discovery: Discovery, input: Input): readonly [Discovery, ReadonlyArray<Command>] => {
  const machine = own(discovery)
  machine.turn++
  const out: Array<Command> = []
  if (input._tag === "Packet") hear(machine, input, out)
  else if (input._tag === "Remove") machine.announcedAt.delete(input.infoHash)
  else if (input._tag === "Add" && !machine.announcedAt.has(input.infoHash)) add(machine, input.infoHash)
  if (dueAt(machine) <= input.now) announce(machine, input.now, out)
  return [{ machine, turn: machine.turn }, out]
}

/** A copy that can go its own way. */
export const fork = (discovery: Discovery): Discovery => {
  own(discovery)
  return Clone.clone(discovery)
}

/** When a `Tick` would next send something. */
export const nextWake = (discovery: Discovery): Millis => dueAt(own(discovery))

export const counts = (discovery: Discovery): Counts => ({ ...own(discovery).counts })

const own = ({ machine, turn }: Discovery): Machine => {
  assert(turn === machine.turn, "this state was spent by an earlier step; fork it to keep it")
  return machine
}

/** What is new goes before what was announced already. */
const add = (machine: Machine, infoHash: InfoHash): void => {
  const known = [...machine.announcedAt]
  const isNew = (entry: readonly [InfoHash, Millis]): boolean => entry[1] === -Infinity
  machine.announcedAt.clear()
  for (const entry of known.filter(isNew)) machine.announcedAt.set(...entry)
  machine.announcedAt.set(infoHash, -Infinity)
  for (const entry of known.filter((entry) => !isNew(entry))) machine.announcedAt.set(...entry)
}

const dueAt = ({ announcedAt, sentAt }: Machine): Millis => {
  for (const first of announcedAt.values()) return Math.max(first + INTERVAL_MS, sentAt + MIN_INTERVAL_MS)
  return NEVER
}

/** One announce a family, with the torrents that were not announced for longest, as many as fit. */
const announce = (machine: Machine, now: Millis, out: Array<Command>): void => {
  const { announcedAt, cookie, options } = machine
  const infoHashes = [...announcedAt.keys()].slice(0, Message.MAX_INFO_HASHES)
  for (const infoHash of infoHashes) {
    announcedAt.delete(infoHash)
    announcedAt.set(infoHash, now)
  }
  machine.sentAt = now
  for (const family of options.families) {
    out.push({
      _tag: "Send",
      family,
      bytes: Message.encode(family, { port: options.port, infoHashes, cookie }),
    })
  }
}

const hear = (
  machine: Machine,
  { bytes, from, now }: Extract<Input, { readonly _tag: "Packet" }>,
  out: Array<Command>,
): void => {
  const { announcedAt, cookie, counts } = machine
  if (isTooMuch(machine, now)) {
    counts.dropped++
    return
  }
  const said = Message.decode(bytes)
  if (said === undefined) {
    counts.malformed++
    return
  }
  if (said.cookie === cookie) {
    counts.own++
    return
  }
  counts.heard++
  const address = { host: from.host, port: said.port }
  for (const infoHash of said.infoHashes) {
    if (announcedAt.has(infoHash)) out.push({ _tag: "Found", infoHash, address })
  }
}

const isTooMuch = (machine: Machine, now: Millis): boolean => {
  const { packets, since } = machine.hearing
  machine.hearing = now - since < SECOND ? { since, packets: packets + 1 } : { since: now, packets: 1 }
  return machine.hearing.packets > MAX_HEARD_PER_SECOND
}
