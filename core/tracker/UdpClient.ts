/**
 * The client's side of UDP trackers (BEP 15), as a machine: no clock, no sockets. Each `Ask` is one announce or scrape
 * of one address and gets exactly one `Answer`, unless it is cancelled.
 *
 * ```
 *   Ask ──▶ connecting ── connection id ──▶ asking ── reply ──▶ Answer
 *              ▲   a connection that was not made for it, and no reply │ or a refusal
 *              └───────────────────────────────────────────────────────┘
 * ```
 * A packet without a reply is repeated after 15 · 2^n seconds, n counting from 0 anew in each phase. A connection id is
 * shared by all that ask the same address, and so is the packet that asks for it.
 */
import * as Address from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import { err } from "../base/Result.ts"
import { type Millis, MINUTE, NEVER, SECOND } from "../base/Time.ts"
import * as Announce from "./Announce.ts"
import * as Udp from "./Udp.ts"
import * as UdpAnswer from "./UdpAnswer.ts"

/** Wait for the reply to a packet's first copy; doubled with each copy, up to {@link MAX_DOUBLINGS} times (BEP 15). */
export const FIRST_WAIT_MS: Millis = 15 * SECOND
export const MAX_DOUBLINGS = 8

/** So long a connection id is used (BEP 15); trackers accept it for twice as long. */
export const CONNECTION_MS: Millis = MINUTE

/** The wait after a packet's copy `n`, from 0. */
export const waitMs = (n: number): Millis => FIRST_WAIT_MS * 2 ** Math.min(n, MAX_DOUBLINGS)

/** So long it takes until so many copies of a packet, 1 to 9, have all had their time: 15, 45, … 7665 seconds. */
export const patienceMs = (copies: number): Millis => FIRST_WAIT_MS * (2 ** copies - 1)

/** What is to be asked. */
export type Question =
  | {
    readonly _tag: "Announce"
    readonly request: Announce.AnnounceRequest
    /** Path and query of the tracker's URL (BEP 41). */
    readonly urlData: Bytes
  }
  /** 1 to `Udp.MAX_SCRAPE_HASHES` info-hashes. */
  | { readonly _tag: "Scrape"; readonly infoHashes: ReadonlyArray<Bytes> }

/** Names an ask; never used twice. */
export type AskId = number

export type Input =
  | {
    readonly _tag: "Ask"
    readonly now: Millis
    readonly ask: AskId
    /** An IP literal. */
    readonly to: Address.Address
    readonly question: Question
    /** 32 bits that nobody can guess: they tell the tracker's replies from those of others who know only its address. */
    readonly transactionId: number
    /** Gives up, as `Timeout`, after this time. */
    readonly limitMs: Millis
  }
  /** Nobody wants the answer any more. */
  | { readonly _tag: "Cancel"; readonly now: Millis; readonly ask: AskId }
  /** A datagram came in. */
  | {
    readonly _tag: "Received"
    readonly now: Millis
    readonly from: Address.Address
    readonly packet: Bytes
  }
  /** A packet could not even leave. */
  | { readonly _tag: "Unsent"; readonly now: Millis; readonly to: Address.Address; readonly reason: string }
  | { readonly _tag: "Tick"; readonly now: Millis }

export type Command =
  | { readonly _tag: "Send"; readonly to: Address.Address; readonly packet: Bytes }
  | {
    readonly _tag: "Answer"
    readonly ask: AskId
    readonly result: UdpAnswer.Result
  }

interface Ask {
  readonly to: Address.Address
  readonly question: Question
  readonly transactionId: number
  readonly phase: "connecting" | "asking"
  /** Copies of this phase's packet that were sent, by this ask or for it. */
  readonly copies: number
  readonly nextCopyAt: Millis
  readonly givesUpAt: Millis
  readonly limitMs: Millis
  /** The connection that it asked on last. */
  readonly connection: Connection | undefined
  /** That connection was there before this ask: the tracker may have restarted since and know it no more. */
  readonly isBorrowed: boolean
}

interface Connection {
  readonly id: Bytes
  readonly since: Millis
}

/** What is known of a tracker's address. */
interface Link {
  readonly connection: Connection | undefined
  /** The connect request that is not answered yet; all copies share the transaction id. */
  readonly connecting: { readonly transactionId: number; readonly sentAt: Millis } | undefined
}

export interface UdpClient {
  readonly asks: ReadonlyMap<AskId, Ask>
  /** By the text of the address. */
  readonly links: ReadonlyMap<string, Link>
}

export const make = (): UdpClient => ({ asks: new Map(), links: new Map() })

/** When a `Tick` would next send or give up; {@link NEVER} where nothing is asked. */
export const nextWake = (client: UdpClient): Millis => {
  let wake = NEVER
  for (const { nextCopyAt, givesUpAt } of client.asks.values()) wake = Math.min(wake, nextCopyAt, givesUpAt)
  return wake
}

/** One transition; the given state stays valid. Packets that nobody waits for, whoever sent them, change nothing. */
export const step = (client: UdpClient, input: Input): readonly [UdpClient, ReadonlyArray<Command>] => {
  const { now } = input
  const turn: Turn = { now, asks: new Map(client.asks), links: new Map(client.links), commands: [] }
  switch (input._tag) {
    case "Ask": {
      const { to, question, transactionId, limitMs } = input
      const givesUpAt = now + limitMs
      const ask = { to, question, transactionId, limitMs, givesUpAt, connection: undefined, isBorrowed: true }
      proceed(turn, input.ask, { ...ask, phase: "connecting", copies: 0, nextCopyAt: now })
      break
    }
    case "Cancel":
      turn.asks.delete(input.ask)
      break
    case "Received":
      received(turn, input.from, input.packet)
      break
    case "Unsent": {
      const failure = Announce.failure("Unreachable", `nothing can be sent there: ${input.reason}`)
      for (const [id] of asksTo(turn, input.to)) answer(turn, id, err(failure))
      break
    }
    case "Tick":
      break
  }
  repeat(turn)
  forget(turn)
  return [{ asks: turn.asks, links: turn.links }, turn.commands]
}

/** A state that is being made. */
interface Turn {
  readonly now: Millis
  readonly asks: Map<AskId, Ask>
  readonly links: Map<string, Link>
  readonly commands: Array<Command>
}

const linkOf = (turn: Turn, to: Address.Address): Link =>
  turn.links.get(Address.format(to)) ?? { connection: undefined, connecting: undefined }

const setLink = (turn: Turn, to: Address.Address, link: Link): void => {
  turn.links.set(Address.format(to), link)
}

const asksTo = (turn: Turn, to: Address.Address): ReadonlyArray<readonly [AskId, Ask]> =>
  [...turn.asks].filter(([, ask]) => Address.equals(ask.to, to))

const answer = (turn: Turn, ask: AskId, result: UdpAnswer.Result): void => {
  turn.asks.delete(ask)
  turn.commands.push({ _tag: "Answer", ask, result })
}

/** Asks on the connection that there is, or asks for one. Every phase begins here. */
const proceed = (turn: Turn, id: AskId, ask: Ask): void => {
  const phase = isUsable(turn, linkOf(turn, ask.to).connection) ? "asking" : "connecting"
  send(turn, id, { ...ask, phase, copies: 0 })
}

const isUsable = ({ now }: Turn, connection: Connection | undefined): boolean =>
  connection !== undefined && now < connection.since + CONNECTION_MS

/** Sends the next copy of what this phase sends. */
const send = (turn: Turn, id: AskId, ask: Ask): void => {
  const { now } = turn
  const { to, transactionId } = ask
  const link = linkOf(turn, to)
  const sent = { ...ask, copies: ask.copies + 1, nextCopyAt: now + waitMs(ask.copies) }
  if (ask.phase === "asking") {
    const { connection } = link
    assert(connection !== undefined, "an ask is in this phase while there is a connection")
    turn.asks.set(id, { ...sent, connection })
    turn.commands.push({ _tag: "Send", to, packet: packetOf(ask, connection.id) })
    return
  }
  turn.asks.set(id, sent)
  // What another ask has just sent is for this one as well.
  if (link.connecting !== undefined && now < link.connecting.sentAt + FIRST_WAIT_MS) return
  const connecting = { transactionId: link.connecting?.transactionId ?? transactionId, sentAt: now }
  setLink(turn, to, { connection: undefined, connecting })
  turn.commands.push({ _tag: "Send", to, packet: Udp.encodeConnect(connecting.transactionId) })
}

const packetOf = ({ question, transactionId }: Ask, connectionId: Bytes): Bytes =>
  question._tag === "Announce"
    ? Udp.encodeAnnounce(connectionId, transactionId, question.request, question.urlData)
    : Udp.encodeScrape(connectionId, transactionId, question.infoHashes)

/** Whatever is due: the end of an ask, or its next copy. */
const repeat = (turn: Turn): void => {
  for (const [id, ask] of turn.asks) {
    if (ask.givesUpAt <= turn.now) {
      const seconds = Math.round(ask.limitMs / SECOND)
      answer(turn, id, err(Announce.failure("Timeout", `no answer within ${seconds} seconds`)))
    } else if (ask.nextCopyAt > turn.now) continue
    else if (ask.phase === "connecting") send(turn, id, ask)
    else if (ask.isBorrowed || !isUsable(turn, linkOf(turn, ask.to).connection)) reconnect(turn, id, ask)
    else send(turn, id, ask)
  }
}

/** Lets go of the ask's connection, unless another ask has replaced it already. */
const reconnect = (turn: Turn, id: AskId, ask: Ask): void => {
  const link = linkOf(turn, ask.to)
  if (link.connection === ask.connection) setLink(turn, ask.to, { ...link, connection: undefined })
  proceed(turn, id, { ...ask, isBorrowed: false })
}

/** A link without asks is kept for its connection alone. */
const forget = (turn: Turn): void => {
  if (turn.links.size === 0) return
  const inUse = new Set(Array.from(turn.asks.values(), ({ to }) => Address.format(to)))
  for (const [key, { connection }] of turn.links) {
    if (inUse.has(key)) continue
    if (!isUsable(turn, connection)) turn.links.delete(key)
  }
}

const received = (turn: Turn, from: Address.Address, packet: Bytes): void => {
  const decoded = Udp.decodeReply(packet)
  if (!decoded.ok) return
  const reply = decoded.value
  const { connecting } = linkOf(turn, from)
  const asks = asksTo(turn, from)
  if (connecting?.transactionId === reply.transactionId) {
    const waiting = asks.filter(([, { phase }]) => phase === "connecting")
    if (reply._tag === "Connected") {
      // A copy, for what the packet's buffer is used for next is not ours to know.
      const connection = { id: reply.connectionId.slice(), since: turn.now }
      setLink(turn, from, { connection, connecting: undefined })
      for (const [id, ask] of waiting) proceed(turn, id, { ...ask, isBorrowed: false })
      return
    }
    if (reply._tag === "Refused") {
      setLink(turn, from, { connection: undefined, connecting: undefined })
      for (const [id] of waiting) answer(turn, id, UdpAnswer.refused(reply.message))
      return
    }
  }
  const found = asks.find(([, ask]) =>
    ask.transactionId === reply.transactionId && ask.connection !== undefined
  )
  if (found === undefined) return
  const [id, ask] = found
  switch (reply._tag) {
    case "Connected":
      return
    case "Announced":
      if (ask.question._tag !== "Announce") return
      return answer(turn, id, UdpAnswer.announced(reply, from))
    case "Scraped":
      if (ask.question._tag !== "Scrape") return
      return answer(turn, id, UdpAnswer.scraped(reply.entries, ask.question.infoHashes.length))
    case "CutOff":
      if (reply.reply !== "Announced" || ask.question._tag !== "Announce") return
      return answer(turn, id, UdpAnswer.cutOff)
    case "Refused":
      if (ask.phase === "connecting") return
      // Some trackers say so where the connection id has expired; after a new one we know what was meant.
      return ask.isBorrowed ? reconnect(turn, id, ask) : answer(turn, id, UdpAnswer.refused(reply.message))
  }
}
