/**
 * Who has not shown that it is where it says gets at most three times the bytes that came in its name: else anybody could
 * have the nodes of the DHT send to a victim what a few spoofed questions cost.
 */
import type { Host } from "../Host.ts"
import * as Checker from "./Checker.ts"
import * as Peek from "./Peek.ts"

export const MAX_FACTOR = 3

/** What passed between a node and an address that it may not know. */
interface Account {
  bytesIn: number
  bytesOut: number
  /** The node has asked there. */
  isAsked: boolean
  /** And was answered; or a token that was sent there came back. */
  isProven: boolean
}

export const amplification = (desk: Checker.Desk): Checker.Checker => {
  const book = desk.open("amplification")
  const accounts = new Map<Host, Map<string, Account>>()
  const accountOf = (host: Host, source: string): Account => {
    let ofHost = accounts.get(host)
    if (ofHost === undefined) accounts.set(host, ofHost = new Map())
    let account = ofHost.get(source)
    if (account === undefined) {
      ofHost.set(source, account = { bytesIn: 0, bytesOut: 0, isAsked: false, isProven: false })
    }
    return account
  }
  return Checker.of("amplification", book, {
    left: (host) => accounts.delete(host),
    stepped: (host, input, commands) => {
      if (!desk.isWatched(host)) return
      if (input._tag === "Packet") {
        const account = accountOf(host, input.from.host)
        account.bytesIn += input.bytes.length
        const isReply = Peek.kind(input.bytes) !== "q"
        if (account.isAsked && isReply) account.isProven = true
        if (!isReply && Peek.isMethod(input.bytes, "announce_peer") && isTaken(input.from.host, commands)) {
          account.isProven = true
        }
      }
      for (const command of commands) {
        if (command._tag !== "Send") continue
        const kind = Peek.kind(command.bytes)
        const account = accountOf(host, command.to.host)
        if (kind === "q") account.isAsked = true
        else {
          book.looks++
          account.bytesOut += command.bytes.length
          const { bytesIn, bytesOut, isProven } = account
          if (isProven || bytesOut <= MAX_FACTOR * bytesIn) continue
          book.report(
            host,
            input.now,
            `${bytesOut} bytes to ${command.to.host}, in whose name came ${bytesIn}`,
          )
        }
      }
    },
  })
}

/** Tokens have a checker of their own: here it is believed that the one that was taken was good. */
const isTaken = (
  source: string,
  commands: Parameters<NonNullable<Checker.Checker["observer"]["stepped"]>>[2],
): boolean =>
  commands.some((command) =>
    command._tag === "Send" && command.to.host === source && Peek.kind(command.bytes) === "r"
  )
