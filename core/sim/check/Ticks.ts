/**
 * Nothing changes without an input: a tick before `nextWake` asks for nothing and leaves the state as it was, and one
 * at that time gets somewhere. Tried on copies, so that the run stays as it is.
 */
import * as Digest from "../../base/Digest.ts"
import { type Millis, MINUTE, NEVER } from "../../base/Time.ts"
import * as Client from "../../client/Client.ts"
import { make } from "./Books.ts"
import type { Checker } from "./Checker.ts"

/** The machine that is tried; another one than the client's only where a test wants to see it fail. */
export interface Machine {
  readonly fork: (client: Client.Client) => Client.Client
  readonly step: typeof Client.step
  readonly nextWake: (client: Client.Client) => Millis
}

/** A copy costs as much as hundreds of steps. */
const EVERY_STEPS = 499

export const ticks = (machine: Machine = Client, every = EVERY_STEPS): Checker =>
  make("ticks", (fail) => {
    let steps = 0
    return {
      stepped: (node, input, _commands, now) => {
        if (++steps % every !== 0 || node.torrent() === undefined) return
        const fault = early(machine, node.client(), input.now) ?? due(machine, node.client(), input.now)
        if (fault !== undefined) fail(node, now, fault)
      },
    }
  })

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
