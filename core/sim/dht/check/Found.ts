/**
 * What was announced is found, in few hops, as long as half of the nodes that took the announce are there to be asked. One
 * lookup may have bad luck, with one datagram in ten lost; one in a hundred may not.
 */
import { toHex } from "../../../base/Bytes.ts"
import { type Millis, MINUTE } from "../../../base/Time.ts"
import type { Host } from "../Host.ts"
import * as Checker from "./Checker.ts"
import * as Peek from "./Peek.ts"

/** Of lookups that should have found something. */
export const MAX_MISSED = 0.01

/** Missed lookups that are bad luck, however few there are in all. */
const LUCK = 2

/** So long a node keeps a peer. */
const KEPT_MS: Millis = 30 * MINUTE

/** Steps beyond those that halve the distance each: some lead past nodes that are gone, and some to those that lie. */
const MORE_HOPS = 6

interface Holder {
  readonly host: Host
  readonly life: number
  readonly at: Millis
}

export const found = (desk: Checker.Desk): Checker.Checker => {
  const book = desk.open("found")
  const maxHops = 32 - Math.clz32(desk.scenario.nodes - 1) + MORE_HOPS
  /** Who has taken announces, by info-hash. */
  const holders = new Map<string, Array<Holder>>()
  let due = 0
  let missed = 0
  return Checker.of("found", book, {
    stepped: (host, input, commands) => {
      if (input._tag !== "Packet" || !Peek.isMethod(input.bytes, "announce_peer")) return
      const infoHash = Peek.inside(input.bytes, "a", "info_hash")
      const isTaken = commands.some((command) =>
        command._tag === "Send" && command.to.host === input.from.host && Peek.kind(command.bytes) === "r"
      )
      if (infoHash === undefined || !isTaken) return
      const key = toHex(infoHash)
      const list = (holders.get(key) ?? []).filter(({ at }) => at + KEPT_MS > input.now)
      list.push({ host, life: host.lives, at: input.now })
      holders.set(key, list)
    },
    looked: ({ endedAt, hops, host, infoHash, isFound, startedAt }) => {
      book.looks++
      if (hops > maxHops) book.report(host, endedAt, `a lookup of ${hops} hops, where ${maxHops} are many`)
      const list = (holders.get(toHex(infoHash)) ?? []).filter(({ at }) => at + KEPT_MS > startedAt)
      const alive = list.filter((one) => one.host.isUp && one.host.lives === one.life)
      if (alive.length === 0 || alive.length * 2 < list.length) return
      due++
      if (isFound) return
      missed++
      if (missed <= LUCK || missed <= due * MAX_MISSED) return
      book.report(
        host,
        endedAt,
        `${missed} of ${due} lookups found nothing; for this one ${alive.length} of ${list.length} nodes were there`,
      )
    },
  })
}
