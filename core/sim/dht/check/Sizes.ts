/** No datagram is too long for an Ethernet frame: who answers in fragments is not heard behind many firewalls. */
import * as Checker from "./Checker.ts"

/** What Ethernet carries, with the headers of IPv4 and UDP. */
const FRAME_BYTES = 1_500
const HEADER_BYTES = 28

export const sizes = (desk: Checker.Desk): Checker.Checker => {
  const book = desk.open("sizes")
  return Checker.of("sizes", book, {
    stepped: (host, { now }, commands) => {
      for (const command of commands) {
        if (command._tag !== "Send") continue
        book.looks++
        const { length } = command.bytes
        if (length + HEADER_BYTES <= FRAME_BYTES) continue
        book.report(host, now, `a datagram of ${length} bytes, ${HEADER_BYTES} more with its headers`)
      }
    },
  })
}
