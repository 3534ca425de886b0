/** After a tick a node has nothing left that is due: one that had would stop the time of whoever drives it. */
import * as Checker from "./Checker.ts"

export const wakes = (desk: Checker.Desk): Checker.Checker => {
  const { machine } = desk
  const book = desk.open("wakes")
  return Checker.of("wakes", book, {
    stepped: (host, { _tag, now }) => {
      if (_tag !== "Tick") return
      book.looks++
      const wake = machine.nextWake(host.node!)
      if (!(wake > now)) book.report(host, now, `after a tick it is due again at ${wake} ms`)
    },
  })
}
