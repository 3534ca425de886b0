/** `shoal stop`: ends what runs in the background, and waits until it is gone. */
import * as Effect from "effect/Effect"
import { Machine } from "../shell/Machine.ts"
import * as Background from "./Background.ts"
import type { Spec } from "./Command.ts"
import { Failure, UsageError } from "./Exit.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Source from "./Source.ts"
import * as Text from "./Text.ts"

export const spec = {
  name: "stop",
  summary: "end what --detach has put in the background",
  argument: {
    name: "TORRENT",
    isRepeated: true,
    isOptional: true,
    description: "a .torrent file, a URL of one, or an info-hash; may be left out if one command runs",
  },
  flags: { all: Options.flag("all", "end everything in the background") },
  example: "shoal stop debian.torrent",
  interrupted: "interrupted; what was told to stop goes on doing so",
} satisfies Spec

export type StopOptions = Options.Values<typeof spec.flags>

/** Longer than leaving may take: trackers are told, and resume data is saved. */
const PATIENCE = "15 seconds"

const POLL = "50 millis"

const infoHashOf = (argument: string) =>
  /^[0-9a-f]{40}$/i.test(argument)
    ? Effect.succeed(argument.toLowerCase())
    : Effect.map(Source.load(argument), ({ infoHash }): string => infoHash)

/** `a and 2 more`; a command that has not said yet what it serves has no names. */
const namesOf = ({ pid, torrents }: Background.Status): string => {
  const [first, ...rest] = torrents.map(({ name }) => Text.printable(name))
  const name = first === undefined ? "what had just begun" : first
  return `${name}${rest.length === 0 ? "" : ` and ${rest.length} more`} (process ${pid})`
}

const stop = ({ status }: Background.Entry) =>
  Effect.gen(function* () {
    const output = yield* Output
    const machine = yield* Machine
    yield* machine.terminate(status.pid)
    const isRunning = Effect.delay(machine.isRunning(status.pid, status.identity), POLL)
    yield* Effect.repeat(isRunning, { until: (is) => !is }).pipe(Effect.timeoutFail({
      duration: PATIENCE,
      onTimeout: () =>
        new Failure({
          reason: "timeout",
          message: `${namesOf(status)} does not end; 'kill -9 ${status.pid}' ends it without saving`,
        }),
    }))
    yield* output.event("stopped", { pid: status.pid, torrents: status.torrents })
    yield* output.result(`stopped ${namesOf(status)}`)
  })

/** Which of the running ones are meant. Fails with reason `not-running` if there is none of that kind. */
const choose = (
  entries: ReadonlyArray<Background.Entry>,
  isAll: boolean,
  infoHashes: ReadonlyArray<string>,
): Effect.Effect<{ readonly chosen: ReadonlyArray<Background.Entry>; readonly absent: number }, Failure> => {
  if (entries.length === 0) {
    return new Failure({ reason: "not-running", message: "nothing runs in the background" })
  }
  if (isAll) return Effect.succeed({ chosen: entries, absent: 0 })
  if (infoHashes.length === 0) {
    return entries.length === 1 ? Effect.succeed({ chosen: entries, absent: 0 }) : new Failure({
      reason: "ambiguous",
      message: `${entries.length} commands run in the background: ${
        entries.map(({ status }) => namesOf(status)).join(", ")
      }; name a torrent, or end them with --all`,
    })
  }
  const serves = (infoHash: string) => ({ status }: Background.Entry) =>
    status.torrents.some((one) => one.infoHash === infoHash)
  return Effect.succeed({
    chosen: entries.filter((entry) => infoHashes.some((infoHash) => serves(infoHash)(entry))),
    absent: infoHashes.filter((infoHash) => !entries.some(serves(infoHash))).length,
  })
}

export const run = ({ all }: StopOptions, args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    if (all && args.length > 0) {
      return yield* new UsageError({ message: "--all leaves nothing to name", command: spec.name })
    }
    const infoHashes = [...new Set(yield* Effect.forEach(args, infoHashOf))]
    const { chosen, absent } = yield* choose(yield* Background.list, all, infoHashes)
    yield* Effect.forEach(chosen, stop, { concurrency: "unbounded" })
    if (absent === 0) return
    return yield* new Failure({
      reason: "not-running",
      message: `nothing in the background serves ${
        absent === args.length ? (absent === 1 ? args[0] : "any of these") : `${absent} of these`
      }`,
    })
  })
