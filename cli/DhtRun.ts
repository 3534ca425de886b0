/** `shoal dht`: asks the DHT something, or tells it something, as a visitor that leaves again. */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import { Dht, type DhtNode } from "../shell/Dht.ts"
import type { Signatures } from "../shell/Signatures.ts"
import type { DhtOptions } from "./Dht.ts"
import { get, put } from "./DhtItem.ts"
import { announce, lookup, sample } from "./DhtPeers.ts"
import { Failure, UsageError } from "./Exit.ts"
import type { Output } from "./Output.ts"

/** A verb's words after it. */
export interface Visit {
  readonly node: DhtNode
  readonly options: DhtOptions
  readonly argument: string | undefined
}

type Run = (
  visit: Visit,
) => Effect.Effect<
  void,
  Failure | UsageError,
  Output | FileSystem.FileSystem | HttpClient.HttpClient | Signatures
>

const VERBS = { lookup, announce, sample, get, put } satisfies Readonly<Record<string, Run>>

/** What is wrong with the words, before anything is asked. */
const wrong = (verb: string | undefined, rest: ReadonlyArray<string>, options: DhtOptions) => {
  if (verb === undefined || !(verb in VERBS)) {
    return `unknown verb '${verb}'; expected one of ${Object.keys(VERBS).join(", ")}`
  }
  if (rest.length > 1) return `dht ${verb} takes one argument, not ${rest.length}`
  const isOptional = verb === "sample" || (verb === "get" && options.publicKey !== undefined)
  if (rest.length === 0 && !isOptional) return `dht ${verb} needs an argument`
  if (rest.length === 1 && verb === "get" && options.publicKey !== undefined) {
    return "dht get takes a TARGET or --public-key, not both"
  }
  return undefined
}

/** A walk through the whole DHT takes some ten seconds. */
const TIMEOUT_MS = 60_000

/** Runs a verb with a node of its own, for as long as that takes. */
export const run = (options: DhtOptions, [verb, ...rest]: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const message = wrong(verb, rest, options)
    if (message !== undefined) return yield* new UsageError({ message, command: "dht" })
    const timeoutMs = options.timeout ?? TIMEOUT_MS
    const dht = yield* Dht
    const node = yield* dht.open({ host: options.bind, port: 0 })
    if (node === undefined) return yield* new Failure({ reason: "no-dht", message: "there is no DHT" })
    const run: Run = VERBS[verb as keyof typeof VERBS]
    yield* run({ node, options, argument: rest[0] }).pipe(Effect.timeoutFail({
      duration: timeoutMs,
      onTimeout: () =>
        new Failure({
          reason: "timeout",
          message: `the DHT took longer than ${timeoutMs / 1_000} s; --timeout gives it more`,
        }),
    }))
  }).pipe(Effect.scoped)
