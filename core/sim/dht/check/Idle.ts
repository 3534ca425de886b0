/** A node whose user wants nothing asks little, however large the network: a few questions a minute keep a table fresh. */
import { type Millis, MINUTE } from "../../../base/Time.ts"
import type { Host } from "../Host.ts"
import * as Checker from "./Checker.ts"
import * as Peek from "./Peek.ts"

/** Before that a node is looking for its neighbours, and for who belongs into its buckets. */
const YOUNG_MS: Millis = 10 * MINUTE

/** Questions a minute, averaged over the time between two looks. */
export const MAX_PER_MINUTE = 40

export const idle = (desk: Checker.Desk): Checker.Checker => {
  const book = desk.open("idle")
  const sent = new Map<Host, number>()
  let lookedAt = 0
  return Checker.of("idle", book, {
    stepped: (host, _input, commands) => {
      for (const command of commands) {
        if (command._tag !== "Send" || Peek.kind(command.bytes) !== "q") continue
        sent.set(host, (sent.get(host) ?? 0) + 1)
      }
    },
    paused: (hosts, now) => {
      const minutes = (now - lookedAt) / MINUTE
      for (const host of hosts) {
        if (host.node === undefined || host.requests > 0 || host.upAt + YOUNG_MS > lookedAt) continue
        book.looks++
        const count = sent.get(host) ?? 0
        if (count <= MAX_PER_MINUTE * minutes) continue
        book.report(host, now, `${count} questions in ${minutes} minutes in which nobody wanted anything`)
      }
      sent.clear()
      lookedAt = now
    },
  })
}
