import { afterEach, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Bytes from "../../../core/base/Bytes.ts"
import { MINUTE, SECOND } from "../../../core/base/Time.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import * as PeerId from "../../../core/wire/PeerId.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Machine from "../../../shell/sim/Machine.ts"
import * as Network from "../../../shell/sim/Network.ts"
import { forever } from "../../../shell/sim/SimTracker.ts"
import * as Swarm from "../../../shell/sim/Swarm.ts"
import { type Connection, Transport } from "../../../shell/Transport.ts"
import { watch } from "../../contract/Ends.ts"
import { letVitestSpeak, snapshot } from "./Scene.ts"

afterEach(letVitestSpeak)

const MIB = 1024 * 1024

describe("back-pressure", { timeout: 60_000 }, () => {
  it("of a slow disk stops reading from the network: what waits in memory has a limit", () => {
    const swarm = Swarm.make({
      seed: 1,
      leechers: 1,
      sizeBytes: 58 * MIB,
      pieceBytes: 2 * MIB,
      isBlank: true,
      weather: { isCutting: false },
      lineOf: () => ({
        uploadRateBytesPerSec: 50_000_000,
        downloadRateBytesPerSec: 50_000_000,
        latencyMs: 1,
      }),
      diskOf: (index) => index === 0 ? {} : { rateBytesPerSec: 200_000 },
    })
    Swarm.begin(swarm)
    const [, leecher] = swarm.members
    let mostBytes = 0
    const look = (): boolean => {
      if (leecher!.handle === undefined) return false
      const { downloadedBytes } = snapshot(leecher!)
      mostBytes = Math.max(mostBytes, downloadedBytes - leecher!.machine.disk.stats.writtenBytes)
      return false
    }
    Swarm.runUntil(swarm, look, 20 * SECOND)
    // The line would have brought all of it in two seconds.
    expect(mostBytes).toBeGreaterThan(11 * MIB)
    expect(mostBytes).toBeLessThan(16 * MIB)
    expect(leecher!.failures).toEqual([])
    Swarm.end(swarm)
  })

  it("of a peer that does not read stops reading from the disk", () => {
    const swarm = Swarm.make({
      seed: 1,
      leechers: 0,
      sizeBytes: 6 * MIB,
      pieceBytes: 256 * 1024,
      isBlank: true,
    })
    Swarm.begin(swarm)
    const seeder = swarm.members[0]!
    Swarm.runUntil(swarm, () => seeder.completedAt !== undefined, MINUTE)
    const checkedBytes = seeder.machine.disk.stats.readBytes
    const { geometry, infoHashBytes: infoHash } = swarm.metainfo
    const greedy = Machine.make(swarm.network, { name: "greedy", line: Network.LOOPBACK_LINE })
    const seen = watch()
    let connection: Connection | undefined
    Machine.start(greedy, (process) =>
      Effect.gen(function* () {
        const transport = yield* Transport
        const address = { host: seeder.machine.host.ip, port: 6881 }
        connection = yield* transport.connect(address, { timeoutMs: SECOND }, seen.handlers)
        const encoder = Encoder.make()
        const features = { fast: false, extended: false, dht: false }
        Encoder.handshake(encoder, { infoHash, peerId: PeerId.make(new Uint8Array(12)), features })
        Encoder.interested(encoder)
        connection.write(Encoder.take(encoder))
        yield* Effect.sleep("30 seconds")
        connection.pauseReads()
        for (let block = 0; block < 300; block++) {
          const begin = block % geometry.blocksPerPiece * Geometry.BLOCK_BYTES
          Encoder.request(encoder, Math.floor(block / geometry.blocksPerPiece), begin, Geometry.BLOCK_BYTES)
        }
        connection.write(Encoder.take(encoder))
        yield* forever
      }).pipe(Effect.provide(Machine.ports(greedy, process))))
    Swarm.runUntil(swarm, () => false, 40 * SECOND)
    const asked = 300 * Geometry.BLOCK_BYTES
    const readBytes = seeder.machine.disk.stats.readBytes - checkedBytes
    // The buffers of both systems, what may be unsent, and what is read ahead.
    expect(readBytes).toBeGreaterThan(256 * 1024)
    expect(readBytes).toBeLessThan(3 * MIB)
    const before = seen.receivedBytes()
    expect(before).toBeLessThan(1_000)
    connection!.resumeReads()
    Swarm.runUntil(swarm, () => seen.receivedBytes() - before > asked, MINUTE)
    expect(seen.receivedBytes() - before).toBeGreaterThan(asked)
    expect(Bytes.concat(seen.reads).length).toBe(seen.receivedBytes())
    Swarm.end(swarm)
  })
})
