/** Two `shoal tracker` processes that share their swarms in one Redis: what the one learns the other tells. */
import process from "node:process"
import { describe, expect, test } from "vitest"
import type * as Bencode from "../support/Bencode.ts"
import * as Http from "../support/Http.ts"
import * as Clients from "../support/Clients.ts"
import * as Process from "../support/Process.ts"
import * as Redis from "../support/Redis.ts"
import * as Shoal from "../support/Shoal.ts"

const HASH = "5e21".repeat(10)

interface Tracker {
  readonly run: Shoal.Run
  readonly url: string
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

const start = async (redis: Redis.Redis, runtime: Shoal.Runtime): Promise<Tracker> => {
  const run = Shoal.start([
    ...["tracker", "--json", "--host", "127.0.0.1", "--http-port", "0", "--no-udp", "--redis", redis.url],
  ], { runtime })
  const { http } = await run.event("listening")
  return { run, url: String(http), [Symbol.asyncDispose]: run.stop }
}

const announce = async ({ url }: Tracker, port: number): Promise<Bencode.Dict> => {
  const query = `info_hash=${HASH.replace(/../g, "%$&")}&peer_id=-XX0001-${String(port).padStart(12, "0")}` +
    `&port=${port}&uploaded=0&downloaded=0&left=1&compact=1&numwant=50`
  return await Http.getDict(`${url}?${query}`)
}

const ports = ({ peers }: Bencode.Dict): ReadonlyArray<number> => {
  const bytes = peers as Uint8Array
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length / 6 }, (_, i) => view.getUint16(i * 6 + 4)).sort((a, b) => a - b)
}

const health = async ({ url }: Tracker): Promise<number> => {
  const reply = await Http.get(new URL("/health", url))
  await reply.arrayBuffer()
  return reply.status
}

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test(
    "two trackers share a Redis: one is killed, Redis stands still, and nothing is lost",
    async (context) => {
      Clients.skipIf(context, Redis.missing() ?? Shoal.missing(runtime))
      await using redis = await Redis.start()
      await using first = await start(redis, runtime)
      await using second = await start(redis, runtime)
      await announce(first, 1001)
      expect(ports(await announce(second, 1002))).toEqual([1001])
      expect(ports(await announce(first, 1001))).toEqual([1002])

      first.run.child.signal("SIGKILL")
      await first.run.end(10_000)
      expect(ports(await announce(second, 1003))).toEqual([1001, 1002])

      process.kill(redis.pid, "SIGSTOP")
      try {
        const refused = await announce(second, 1004)
        expect(String(refused["failure reason"])).toMatch(/try again/)
        expect(await health(second)).toBe(503)
      } finally {
        process.kill(redis.pid, "SIGCONT")
      }
      await Process.until(
        "the tracker has its Redis again",
        async () => await health(second) === 200 || undefined,
      )
      expect(ports(await announce(second, 1004))).toEqual([1001, 1002, 1003])
      const warnings = second.run.events.filter(({ event }) => event === "warning").map((one) =>
        one["message"]
      )
      expect(warnings, second.run.log()).toEqual([
        expect.stringMatching(/redis:\/\/127\.0\.0\.1:\d+: no answer .*trying again/),
        expect.stringMatching(/redis:\/\/127\.0\.0\.1:\d+: is back/),
      ])
    },
    60_000,
  )
})
