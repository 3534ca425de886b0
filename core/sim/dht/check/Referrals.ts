/** Whom nodes tell others of: only who is or was there, and nobody who answers nothing (BEP 43). */
import type { Bytes } from "../../../base/Bytes.ts"
import * as Host from "../Host.ts"
import * as Checker from "./Checker.ts"
import * as Peek from "./Peek.ts"

const NODE_BYTES = 26
const ID_BYTES = 20

export const referrals = (desk: Checker.Desk): Checker.Checker => {
  const book = desk.open("referrals")
  /** Of all that ever were. */
  const isReadOnly = new Map<number, boolean>()
  const judge = (nodes: Bytes, at: number): string | undefined => {
    const readOnly = isReadOnly.get(Host.key(nodes, at + ID_BYTES))
    return readOnly === undefined
      ? "somebody where nobody ever was"
      : readOnly
      ? "somebody who is read-only"
      : undefined
  }
  return Checker.of("referrals", book, {
    came: (host) => isReadOnly.set(Host.key(host.endpoint, 0), host.isReadOnly),
    stepped: (host, { now }, commands) => {
      if (!desk.isWatched(host)) return
      for (const command of commands) {
        if (command._tag !== "Send" || Peek.kind(command.bytes) !== "r") continue
        if (host.isReadOnly) book.report(host, now, "it is read-only, and answers")
        const nodes = Peek.inside(command.bytes, "r", "nodes")
        if (nodes === undefined) continue
        book.looks++
        for (let at = 0; at + NODE_BYTES <= nodes.length; at += NODE_BYTES) {
          const reason = judge(nodes, at)
          if (reason !== undefined) book.report(host, now, `it tells ${command.to.host} of ${reason}`)
        }
      }
    },
  })
}
