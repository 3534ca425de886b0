/** Nobody gets more answers than a node has to give: so many to one address, and so many bytes to all. */
import { type Millis, SECOND } from "../../../base/Time.ts"
import type { Host } from "../Host.ts"
import * as Checker from "./Checker.ts"
import * as Peek from "./Peek.ts"

const WINDOW_MS: Millis = 10 * SECOND

/** Answers to one address in any such window: 50 in each of two windows of the node's that it may touch. */
export const MAX_ANSWERS = 100

/** Bytes of answers a second, and what a quarter of a second without any and one last answer may add. */
const BYTES_PER_MS = 16
const BURST_BYTES = 250 * BYTES_PER_MS + 1_400

interface Flow {
  /** When the last answers left, by whom they were for. */
  readonly times: Map<string, Array<Millis>>
  bytes: number
  at: Millis
}

export const rates = (desk: Checker.Desk): Checker.Checker => {
  const book = desk.open("rates")
  const flows = new Map<Host, Flow>()
  return Checker.of("rates", book, {
    left: (host) => flows.delete(host),
    stepped: (host, { now }, commands) => {
      if (!desk.isWatched(host)) return
      for (const command of commands) {
        if (command._tag !== "Send") continue
        const kind = Peek.kind(command.bytes)
        if (kind !== "r" && kind !== "e") continue
        book.looks++
        const flow = flows.get(host) ?? { times: new Map<string, Array<Millis>>(), bytes: 0, at: now }
        flows.set(host, flow)
        flow.bytes = Math.max(0, flow.bytes - (now - flow.at) * BYTES_PER_MS) + command.bytes.length
        flow.at = now
        if (flow.bytes > BURST_BYTES) {
          book.report(host, now, `${Math.round(flow.bytes)} bytes of answers more than it has to give`)
        }
        const times = (flow.times.get(command.to.host) ?? []).filter((at) => at > now - WINDOW_MS)
        times.push(now)
        flow.times.set(command.to.host, times)
        if (times.length > MAX_ANSWERS) {
          book.report(host, now, `${times.length} answers to ${command.to.host} within ten seconds`)
        }
      }
    },
    paused: (_hosts, now) => {
      for (const { times } of flows.values()) {
        for (const [to, list] of times) if (list.at(-1)! <= now - WINDOW_MS) times.delete(to)
      }
    },
  })
}
