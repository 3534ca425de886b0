/** `shoal tracker`: a tracker over HTTP and UDP, until it is stopped. */
import * as Effect from "effect/Effect"
import * as Address from "../core/base/Address.ts"
import { err, ok } from "../core/base/Result.ts"
import { TrackerHost } from "../shell/TrackerHost.ts"
import type { Spec } from "./Command.ts"
import { UsageError } from "./Exit.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Text from "./Text.ts"
import * as Value from "./Value.ts"

/** What trackers have always listened on. */
const PORT = 6969
const DEFAULT_INTERVAL_MS = 30 * 60_000

/** From a second, for tests, to a day; in whole seconds, as the protocol has them. */
const interval: Value.Parser<number> = (text) => {
  const ms = Value.duration(text)
  if (!ms.ok) return ms
  const isUsable = ms.value >= 1_000 && ms.value <= 86_400_000 && ms.value % 1_000 === 0
  return isUsable ? ok(ms.value) : err("expected whole seconds from 1s to 24h")
}

const port = (name: string, protocol: string) =>
  Options.value(
    name,
    "N",
    Value.integer(0, 65_535),
    PORT,
    `the port for ${protocol}; 0 is any free one`,
  )

const file = (name: string, description: string) =>
  Options.value(name, "FILE", Value.text("a file"), undefined, description)

export const spec = {
  name: "tracker",
  summary: "run a tracker over HTTP and UDP",
  flags: {
    host: Options.value("host", "ADDR", Value.ip, undefined, "listen on this address only"),
    httpPort: port("http-port", "HTTP"),
    udpPort: port("udp-port", "UDP"),
    noHttp: Options.flag("no-http", "no HTTP, and so no statistics"),
    noUdp: Options.flag("no-udp", "no UDP"),
    interval: Options.value(
      "interval",
      "DURATION",
      interval,
      undefined,
      "how often clients come back: 90s, 15m, 2h; 30m unless it is given",
    ),
    allow: file("allow", "serve only the torrents on this list, an info-hash a line"),
    deny: file("deny", "don't serve the torrents on this list"),
    keys: file("keys", "serve only URLs with a key on this list: /announce/KEY"),
    state: file("state", "keep the swarms in this file from one run to the next"),
    redis: Options.value(
      "redis",
      "URL",
      Value.text("a URL"),
      undefined,
      "keep the swarms in Redis, where trackers can share them",
    ),
    publicStats: Options.flag("public-stats", "show the figures to everyone, not to this machine alone"),
    workers: Options.value("workers", "N", Value.integer(1, 64), 1, "processes that serve; Node only"),
  },
  example: "shoal tracker --interval 15m --deny blocked.txt --state swarms.bin",
  interrupted: "stopped",
} satisfies Spec

export type TrackerOptions = Options.Values<typeof spec.flags>

/** A URL that clients on this machine can announce to; who listens everywhere is here, too. */
export const announceUrl = (scheme: "http" | "udp", { host, port }: Address.Address): string => {
  const here = host === "::" || host === "0.0.0.0" ? "127.0.0.1" : host
  return `${scheme}://${Address.format({ host: here, port })}/announce`
}

const usage = (message: string) => new UsageError({ message, command: spec.name })

/** Serves until it is interrupted. */
export const run = (options: TrackerOptions) =>
  Effect.scoped(Effect.gen(function* () {
    const { interval = DEFAULT_INTERVAL_MS, noHttp, noUdp } = options
    if (noHttp && noUdp) return yield* usage("--no-http and --no-udp leave nothing to serve")
    if (options.redis !== undefined && options.state !== undefined) {
      return yield* usage("--state is for swarms in memory; what is in Redis stays there")
    }
    const output = yield* Output
    const host = yield* TrackerHost
    const { http, udp } = yield* host.start({
      host: options.host,
      httpPort: noHttp ? undefined : options.httpPort,
      udpPort: noUdp ? undefined : options.udpPort,
      intervalSeconds: interval / 1_000,
      lists: { allow: options.allow, deny: options.deny, keys: options.keys },
      redisUrl: options.redis,
      stateFile: options.state,
      workers: options.workers,
      hasPublicStats: options.publicStats,
    }, (message) =>
      Effect.zipRight(
        output.event("warning", { message }),
        output.note(`warning: ${Text.printable(message)}`),
      ))
    const urls = {
      http: http && announceUrl("http", http),
      udp: udp && announceUrl("udp", udp),
    }
    yield* output.event("listening", urls)
    yield* output.result(
      `listening on ${[urls.http, urls.udp].filter((url) => url !== undefined).join(" and ")}`,
    )
    return yield* Effect.never
  }))
