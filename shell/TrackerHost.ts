/** A whole tracker as a program runs it: the port between the command line and the machine it runs on. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Files } from "./TrackerLists.ts"
import type { Listening } from "./TrackerServer.ts"

export interface HostOptions {
  /** An IP literal; every address of both families if undefined. */
  readonly host: string | undefined
  /** 0: any free one; `undefined`: none. */
  readonly httpPort: number | undefined
  readonly udpPort: number | undefined
  readonly intervalSeconds: number
  readonly lists: Files
  /** The URL of the Redis that holds the swarms; `undefined`: this process's memory does. */
  readonly redisUrl: string | undefined
  /** Where swarms in memory are kept between two runs. */
  readonly stateFile: string | undefined
  /** Processes that serve, 1 or more. */
  readonly workers: number
  /** The figures (`/stats`, `/metrics`) are for everyone, not for this machine alone. */
  readonly hasPublicStats?: boolean
}

/** Why a tracker can't start: a stable word, and a sentence that says with what and what to do. */
export interface HostError {
  readonly reason: string
  readonly message: string
}

export class TrackerHost extends Context.Tag("shoal/TrackerHost")<TrackerHost, {
  /**
   * Serves until the scope ends, and then finishes what is under way and saves the state. `warn` is told, in sentences, of
   * what goes wrong meanwhile.
   */
  readonly start: (
    options: HostOptions,
    warn: (message: string) => Effect.Effect<void>,
  ) => Effect.Effect<Listening, HostError, Scope.Scope>
}>() {}
