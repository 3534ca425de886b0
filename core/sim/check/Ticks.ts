/**
 * Nothing changes without an input: a tick before `nextWake` asks for nothing and leaves the state as it was, and one
 * at that time gets somewhere. Tried on copies, so that the run stays as it is.
 */
import * as Digest from "../../base/Digest.ts"
import { type Millis, MINUTE, NEVER } from "../../base/Time.ts"
import * as Client from "../../client/Client.ts"
import type { Book } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"

/** The machine that is tried; another one than the client's only where a test wants to see it fail. */
export interface Machine {
  readonly fork: (client: Client.Client) => Client.Client
  readonly step: typeof Client.step
  readonly nextWake: (client: Client.Client) => Millis
}

/** A copy costs as much as hundreds of steps. */
const EVERY_STEPS = 499

/** As much to copy and to compare as so many connections, or so many bytes of tables, makes it twice as rare. */
const CONNS = 12
const TABLE_BYTES = 1_000

export const ticks = (machine: Machine = Client, every = EVERY_STEPS): Rule =>
  rule("ticks", (fail) => {
    let steps = 0
    let tryAt = every
    return {
      after: (book, { input, now }) => {
        const { node } = book
        if (++steps < tryAt || node.torrent() === undefined) return
        tryAt = steps + Math.ceil(every * Math.max(1, burden(book)))
        const fault = early(machine, node.client(), input.now) ?? due(machine, node.client(), input.now)
        if (fault !== undefined) fail(node, now, fault)
      },
    }
  })

/** What there is to copy: each connection has a bitfield, each piece a count and two places. */
const burden = ({ conns, have }: Book): number =>
  conns.size / CONNS + (conns.size * have.bytes.length + 12 * have.length) / TABLE_BYTES

/** A tick at the last moment before something is due. */
const early = (machine: Machine, client: Client.Client, now: Millis): string | undefined => {
  const wake = machine.nextWake(client)
  const at = wake === NEVER ? now + 60 * MINUTE : wake - 1
  if (at < now) return undefined
  const copy = machine.fork(client)
  const before = digest(copy)
  const [after, commands] = machine.step(copy, { _tag: "Tick", now: at })
  if (commands.length > 0) {
    return `a tick ${wake - at} ms before its time asks for ${commands.map((one) => one._tag).join(", ")}`
  }
  if (digest(after) !== before) return `a tick ${wake - at} ms before its time changes the state`
  return machine.nextWake(after) === wake ? undefined : `a tick before its time moves the time`
}

/** A tick when it is due: if nothing comes of it, another one must not be due at once. */
const due = (machine: Machine, client: Client.Client, now: Millis): string | undefined => {
  const wake = machine.nextWake(client)
  if (wake === NEVER) return undefined
  const at = Math.max(wake, now)
  const [after, commands] = machine.step(machine.fork(client), { _tag: "Tick", now: at })
  const isStuck = commands.length === 0 && machine.nextWake(after) <= at
  return isStuck ? "a tick at its time gets nowhere, and wants another one at once" : undefined
}

/** Everything but the time itself, and the count of steps. */
const digest = ({ machine }: Client.Client): string => Digest.digest({ ...machine, now: 0, turn: 0 })
