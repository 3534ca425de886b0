/**
 * Only who was given a token can announce, for ten minutes, from the address that it was given to; and nobody is told of a
 * peer that did not announce so.
 */
import { type Bytes, toHex } from "../../../base/Bytes.ts"
import * as IpBytes from "../../../base/IpBytes.ts"
import { type Millis, MINUTE } from "../../../base/Time.ts"
import type { Command } from "../../../dht/Command.ts"
import type { Host } from "../Host.ts"
import * as Checker from "./Checker.ts"
import * as Peek from "./Peek.ts"

/** So long a token is good at most. */
const TOKEN_MS: Millis = 10 * MINUTE

/** So long a peer is told of at most: half an hour, and a minute until it is swept out. */
const PEER_MS: Millis = 31 * MINUTE

interface Books {
  /** When a token was last given, by the host that it was given to and its bytes. */
  readonly given: Map<string, Millis>
  /** When a peer's announce was last taken, by info-hash and address. */
  readonly taken: Map<string, Millis>
}

export const tokens = (desk: Checker.Desk): Checker.Checker => {
  const book = desk.open("tokens")
  const all = new Map<Host, Books>()
  return Checker.of("tokens", book, {
    left: (host) => all.delete(host),
    stepped: (host, input, commands) => {
      if (!desk.isWatched(host)) return
      let books = all.get(host)
      if (books === undefined) all.set(host, books = { given: new Map(), taken: new Map() })
      const { given, taken } = books
      const { now } = input
      if (input._tag === "Packet" && Peek.kind(input.bytes) === "q") {
        const { bytes, from } = input
        const token = Peek.inside(bytes, "a", "token")
        if (Peek.isMethod(bytes, "announce_peer") && isTaken(bytes, from.host, commands)) {
          book.looks++
          const givenAt = given.get(keyOf(from.host, token))
          if (givenAt === undefined || givenAt + TOKEN_MS < now) {
            book.report(host, now, `it took an announce of ${from.host} with a token that is not its`)
          }
          taken.set(keyOf(from.host, Peek.inside(bytes, "a", "info_hash")), now)
        }
      }
      for (const command of commands) {
        if (command._tag !== "Send" || Peek.kind(command.bytes) !== "r") continue
        const token = Peek.inside(command.bytes, "r", "token")
        if (token !== undefined) given.set(keyOf(command.to.host, token), now)
        if (input._tag === "Packet") checkValues(book, host, input.bytes, command.bytes, now, taken)
      }
    },
    paused: (_hosts, now) => {
      for (const { given, taken } of all.values()) {
        for (const [key, at] of given) if (at + TOKEN_MS < now) given.delete(key)
        for (const [key, at] of taken) if (at + PEER_MS < now) taken.delete(key)
      }
    },
  })
}

/** The peers of an answer have all announced. */
const checkValues = (
  book: Checker.Book,
  host: Host,
  query: Bytes,
  answer: Bytes,
  now: Millis,
  taken: ReadonlyMap<string, Millis>,
): void => {
  const infoHash = Peek.inside(query, "a", "info_hash")
  const values = Peek.member(answer, Peek.member(answer, 0, "r"), "values")
  if (infoHash === undefined || values < 0) return
  for (const peer of Peek.texts(answer, values)) {
    book.looks++
    const source = IpBytes.toText(peer.subarray(0, peer.length - 2))
    const takenAt = taken.get(keyOf(source, infoHash))
    if (takenAt !== undefined && takenAt + PEER_MS >= now) continue
    book.report(host, now, `it tells of the peer ${source}, which has not announced, or long ago`)
  }
}

/** Whether a query was answered with a response, at once. */
const isTaken = (query: Bytes, source: string, commands: ReadonlyArray<Command>): boolean => {
  const transaction = keyOf("", Peek.textAt(query, Peek.member(query, 0, "t")))
  return commands.some((command) =>
    command._tag === "Send" && command.to.host === source && Peek.kind(command.bytes) === "r" &&
    keyOf("", Peek.textAt(command.bytes, Peek.member(command.bytes, 0, "t"))) === transaction
  )
}

const keyOf = (source: string, bytes: Bytes | undefined): string =>
  bytes === undefined ? source : `${source} ${toHex(bytes)}`
