/** What whoever looks at a simulated DHT can see. Bytes are good until the function returns. */
import type { Bytes } from "../../base/Bytes.ts"
import type { Millis } from "../../base/Time.ts"
import type { Command } from "../../dht/Command.ts"
import type { Input } from "../../dht/Input.ts"
import type { Host } from "./Host.ts"

/** A lookup that is over: `isFound` where it brought a peer that has announced the torrent. */
export interface Outcome {
  readonly host: Host
  readonly infoHash: Bytes
  readonly startedAt: Millis
  readonly endedAt: Millis
  readonly isFound: boolean
  /** Until the first such peer; `undefined` if there was none. */
  readonly foundMs: Millis | undefined
  /** The longest way to one of the nodes that were found nearest. */
  readonly hops: number
  readonly queries: number
  readonly responses: number
}

export interface Observer {
  /** An honest node had an input, and wants this. */
  readonly stepped?: (host: Host, input: Input, commands: ReadonlyArray<Command>) => void
  /** Somebody is up, for the first time or again. */
  readonly came?: (host: Host, now: Millis) => void
  /** Somebody is gone, for good or not. */
  readonly left?: (host: Host, now: Millis) => void
  readonly looked?: (outcome: Outcome) => void
  /** Every five minutes: a time to look around. */
  readonly paused?: (hosts: ReadonlyArray<Host>, now: Millis) => void
}
